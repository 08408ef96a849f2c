package brokers

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// classesTimeout is how long a Kafka may take to start and to end while its classes are archived.
const classesTimeout = 2 * time.Minute

// withClasses are the options by which a Kafka starts with an archive of its classes (class data sharing, JEP 350), which takes a third of the time: tests start many, and again after each kill. The
// archive is made once for each JDK, by a Kafka that is started for this and ends in order, and kept in the user's cache. Where that does not work a Kafka starts without, as it does when the JVM does not like
// its archive any more.
func withClasses(ctx context.Context, libs string) []string {
	version, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if err != nil {
		return nil
	}
	jdk := fnv.New32a()
	_, _ = jdk.Write(version)
	folder, err := cached(fmt.Sprintf("%s-classes-%x", kafkaLibsName, jdk.Sum32()), func(work string) (string, error) {
		return work, archiveClasses(ctx, libs, filepath.Join(work, classesFile))
	})
	if err != nil {
		return nil
	}
	return []string{"-XX:SharedArchiveFile=" + filepath.Join(folder, classesFile), "-Xshare:auto"}
}

const classesFile = "kafka.jsa"

// archiveClasses writes the file at the end of a Kafka that lives until it answers.
func archiveClasses(ctx context.Context, libs, file string) error {
	ctx, cancel := context.WithTimeout(ctx, classesTimeout)
	defer cancel()
	node, err := newKafkaNode(ctx, io.Discard, nil)
	if err != nil {
		return err
	}
	defer os.RemoveAll(node.dir)
	line := java(libs, append(quick(), "-XX:ArchiveClassesAtExit="+file), "kafka.Kafka", node.properties())
	kafka := exec.CommandContext(ctx, line[0], line[1:]...)
	if err := kafka.Start(); err != nil {
		return err
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, node.answers() },
		backoff.WithBackOff(backoff.NewConstantBackOff(100*time.Millisecond)), backoff.WithMaxElapsedTime(startTimeout))
	if err != nil {
		cancel()
	}
	_ = kafka.Process.Signal(syscall.SIGTERM)
	_ = kafka.Wait() // with the status of a signal
	if err != nil {
		return err
	}
	_, err = os.Stat(file)
	return err
}
