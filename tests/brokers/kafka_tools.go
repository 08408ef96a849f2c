package brokers

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// ConsoleProducer runs Apache's own console producer: each line of input is a message of topic, as args say.
func ConsoleProducer(t testing.TB, cluster KafkaCluster, topic, input string, args ...string) {
	t.Helper()
	kafkaTool(t, input, "org.apache.kafka.tools.ConsoleProducer", append([]string{"--bootstrap-server", cluster.Bootstrap(), "--topic", topic}, args...)...)
}

// ConsoleConsumer runs Apache's own console consumer on topic until it ends (give it --max-messages or --timeout-ms) and returns what it printed.
func ConsoleConsumer(t testing.TB, cluster KafkaCluster, topic string, args ...string) string {
	t.Helper()
	return kafkaTool(t, "", "org.apache.kafka.tools.consumer.ConsoleConsumer", append([]string{"--bootstrap-server", cluster.Bootstrap(), "--topic", topic}, args...)...)
}

// StartConsoleConsumer runs Apache's own console consumer as a member of group, with these properties, until it is stopped or the test ends.
func StartConsoleConsumer(t testing.TB, cluster KafkaCluster, topic, group string, properties ...string) (stop func()) {
	t.Helper()
	args := []string{"--bootstrap-server", cluster.Bootstrap(), "--topic", topic, "--group", group}
	for _, p := range properties {
		args = append(args, "--command-property", p)
	}
	cmd := kafkaProgram(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt) // by which it leaves its group
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Apache's console consumer said\n%s", lastLines(errs.Bytes(), 20))
		}
	})
	t.Cleanup(stop)
	return stop
}

// TopicCommand runs Apache's own kafka-topics and returns what it printed.
func TopicCommand(t testing.TB, cluster KafkaCluster, args ...string) string {
	t.Helper()
	return kafkaTool(t, "", "org.apache.kafka.tools.TopicCommand", append([]string{"--bootstrap-server", cluster.Bootstrap()}, args...)...)
}

// ConsumerGroupCommand runs Apache's own kafka-consumer-groups and returns what it printed.
func ConsumerGroupCommand(t testing.TB, cluster KafkaCluster, args ...string) string {
	t.Helper()
	return kafkaTool(t, "", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", append([]string{"--bootstrap-server", cluster.Bootstrap()}, args...)...)
}

// quick are options for a JVM that lives for a second.
func quick() []string { return []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"} }

func kafkaTool(t testing.TB, input, class string, args ...string) string {
	t.Helper()
	cmd := kafkaProgram(t, class, args...)
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", class, strings.Join(args, " "), err, lastLines(out.Bytes(), 20), lastLines(errs.Bytes(), 20))
	}
	return out.String()
}

// kafkaProgram is the command that runs a main class of Kafka's jars, at most until the test ends.
func kafkaProgram(t testing.TB, class string, args ...string) *exec.Cmd {
	t.Helper()
	if err := checkJava(t.Context()); err != nil {
		Without(t, "Apache's Kafka tools", err)
	}
	libs, err := kafkaLibs(t.Context(), io.Discard)
	if err != nil {
		Without(t, "Apache's Kafka tools", err)
	}
	line := java(libs, quick(), class, args...)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // Java reads its arguments in the locale's character set
	return cmd
}
