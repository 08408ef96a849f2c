package main

import (
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"culvert/app"
)

func serve() *cobra.Command {
	var s settings
	var demo bool
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Run the bridge until SIGTERM or ^C; a second one ends it at once",
		GroupID: groupBridge,
		Example: `  culvert serve                                                     # with the in-process broker, on http://127.0.0.1:8080
  culvert serve --demo                                              # the same, with sample prices and orders to look at
  culvert serve --broker kafka --kafka-brokers 127.0.0.1:9092
  culvert serve --broker amqp --amqp-url amqp://127.0.0.1:5672/
  culvert serve --config culvert.yaml --set queue.lease=1m`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := s.load()
			if err != nil {
				return err
			}
			terminal := isatty.IsTerminal(os.Stderr.Fd())
			options := []app.Option{app.WithVersion(versionOf())}
			if demo {
				options = append(options, app.WithDemo())
			}
			a, err := app.New(cfg, app.NewLogger(cfg.Log, c.ErrOrStderr(), terminal), options...)
			if err != nil {
				return err
			}
			return a.Run(c.Context(), func() {
				if cfg.Log.Text(terminal) {
					welcome(c.OutOrStdout(), a, cfg, demo)
				}
			})
		},
	}
	s.register(c)
	c.Flags().BoolVar(&demo, "demo", false, "fill the in-process broker with sample prices and orders; refused where topics live elsewhere")
	return c
}

// welcome tells a person where the bridge is and what to try next.
func welcome(w io.Writer, a *app.App, cfg app.Config, demo bool) {
	fmt.Fprintf(w, "\nCulvert %s on %s, with %s behind it.\n", versionOf(), a.URL(), cfg.Broker)
	if admin := a.AdminURL(); admin != "" {
		fmt.Fprintf(w, "For operators: %s/ (console), %s/readyz, %s/metrics\n", admin, admin, admin)
	}
	if demo {
		fmt.Fprintf(w, `
The demo fills the topics prices and orders. Open the console in a browser, it says what to try, or see prices in another terminal:
  curl -N %s/v1/topics/prices/events

`, a.URL())
		return
	}
	fmt.Fprintf(w, `
Try, in two other terminals:
  curl -N %[1]s/v1/topics/hello/events
  curl -d 'Hello, world' %[1]s/v1/topics/hello/messages

`, a.URL())
}
