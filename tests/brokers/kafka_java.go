package brokers

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// oldestJava is the oldest JDK on which Kafka's broker runs.
const oldestJava = 17

// kafkaPOM names the jars: the broker, Apache's own command-line clients, and a logger for both.
//
//go:embed kafka_pom.xml
var kafkaPOM []byte

// checkJava returns a MissingError where there is no JDK that is new enough, or no Maven while there is something to fetch.
func checkJava(ctx context.Context) error {
	libs, err := cachePath(kafkaLibsName)
	if err != nil {
		return err
	}
	const mend = "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless maven'   (or, on a Mac: brew install openjdk maven)"
	if version := javaVersion(ctx); version < oldestJava {
		return &MissingError{What: fmt.Sprintf("Java %d or newer", oldestJava), Mend: mend}
	}
	if _, err := os.Stat(libs); err == nil {
		return nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return &MissingError{What: "Maven", Mend: mend}
	}
	return nil
}

var javaVersionLine = regexp.MustCompile(`version "(\d+)`)

// javaVersion is the major version of the java in the path, 0 where there is none.
func javaVersion(ctx context.Context) int {
	out, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if err != nil {
		return 0
	}
	found := javaVersionLine.FindSubmatch(out)
	if found == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(found[1]))
	return major
}

// installJava installs a JDK and Maven where they are missing and we may.
func installJava(ctx context.Context, say io.Writer) error {
	if checkJava(ctx) == nil {
		return nil
	}
	jdks := []string{"openjdk-17-jre-headless", "openjdk-21-jre-headless", "openjdk-25-jre-headless"}
	if err := installPackages(ctx, say, jdks, []string{"maven"}); err != nil {
		return err
	}
	return checkJava(ctx)
}

// kafkaLibsName is what the folder of this version's jars is called.
const kafkaLibsName = "kafka-" + KafkaVersion

// kafkaLibs gives the folder of Kafka's jars. It is fetched through Maven once and kept in the user's cache.
func kafkaLibs(ctx context.Context, say io.Writer) (string, error) {
	return cached(kafkaLibsName, func(work string) (string, error) {
		pom := filepath.Join(work, "pom.xml")
		if err := os.WriteFile(pom, kafkaPOM, 0o600); err != nil {
			return "", err
		}
		fmt.Fprintf(say, "fetching Apache Kafka %s through Maven\n", KafkaVersion)
		libs := filepath.Join(work, "libs")
		// Maven's own repository is not made for several processes that fill it at once, so this fetch has one of its own.
		return libs, runQuietly(ctx, "mvn", "-q", "-B", "-f", pom, "-Dmaven.repo.local="+filepath.Join(work, "repository"),
			"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+libs)
	})
}

// java is the command line that runs a main class of Kafka's jars.
func java(libs string, options []string, class string, args ...string) []string {
	line := append([]string{"java"}, options...)
	line = append(line, "-cp", filepath.Join(libs, "*"), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", class)
	return append(line, args...)
}
