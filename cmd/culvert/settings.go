package main

import (
	"strings"

	"github.com/spf13/cobra"

	"culvert/app"
)

// settings are the flags by which every command that reads the configuration can be told of it.
type settings struct {
	file  string
	set   []string
	named map[string]*string // by the key that the flag stands for
}

// shortcuts are flags for the keys that people change most. Every other one is reached by --set.
var shortcuts = []struct{ flag, key, usage string }{
	{"listen", "listen", "address of the public listener"},
	{"admin-listen", "admin.listen", "address of the operators' listener: health, metrics, console"},
	{"broker", "broker", "where topics live: inproc, kafka, amqp, or one of brokers"},
	{"kafka-brokers", "kafka.brokers", "Kafka's bootstrap addresses, separated by commas"},
	{"amqp-url", "amqp.url", "RabbitMQ's URL; put a password into CULVERT_AMQP_PASSWORD, since other users of this machine can see the flag"},
	{"log-level", "log.level", "debug, info, warn or error"},
	{"log-format", "log.format", "text, json, or auto: text on a terminal"},
}

// register gives c, and the commands below it, the flags.
func (s *settings) register(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.StringVarP(&s.file, "config", "c", "", "configuration file (CULVERT_CONFIG)")
	flags.StringArrayVar(&s.set, "set", nil, "set any key of the configuration, as --set queue.lease=1m; repeatable")
	s.named = make(map[string]*string, len(shortcuts))
	for _, f := range shortcuts {
		s.named[f.key] = flags.String(f.flag, "", f.usage)
	}
	completeWords(c, "broker", "inproc", "kafka", "amqp")
	completeWords(c, "log-level", "debug", "info", "warn", "error")
	completeWords(c, "log-format", "auto", "text", "json")
}

// load reads the configuration. Of flags that say the same, the named one counts.
func (s *settings) load() (app.Config, error) {
	values := make(map[string]string)
	for _, pair := range s.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return app.Config{}, misusef("--set %s: give key=value", pair)
		}
		values[key] = value
	}
	for key, value := range s.named {
		if *value != "" {
			values[key] = *value
		}
	}
	return app.Load(s.file, values)
}
