package brokers

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// GroupLine is what Apache's group tool says of one partition.
type GroupLine struct {
	Topic     string
	Partition int32
	// Committed is -1 where the group has committed nothing there, and Lag where the tool tells none. End is that of what is written.
	Committed, End, Lag int64
	// Member is the id of the member that reads the partition; empty where none does.
	Member string
}

// ConsumerGroup is what Apache's own kafka-consumer-groups tells of a group, by topic and partition; nothing where it knows no such group. Partitions that are neither read nor committed are left
// out, as they are there.
func ConsumerGroup(t testing.TB, cluster KafkaCluster, group string) []GroupLine {
	t.Helper()
	printed := ConsumerGroupCommand(t, cluster, "--describe", "--group", group)
	if strings.Contains(printed, "Error:") { // which is told with the status of success
		if !strings.Contains(printed, "GroupIdNotFoundException") {
			t.Fatalf("the group tool printed %s", printed)
		}
		return nil
	}
	// GROUP TOPIC PARTITION [LEADER-EPOCH] CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
	var columns map[string]int
	var lines []GroupLine
	for text := range strings.Lines(printed) {
		words := strings.Fields(text)
		switch {
		case len(words) == 0:
		case words[0] == "GROUP":
			columns = make(map[string]int)
			for i, name := range words {
				columns[name] = i
			}
		case words[0] == group && columns != nil && len(words) == len(columns):
			word := func(name string) string { return words[columns[name]] }
			number := func(name string) int64 { return toolNumber(t, word(name)) }
			lines = append(lines, GroupLine{
				Topic: word("TOPIC"), Partition: int32(number("PARTITION")),
				Committed: number("CURRENT-OFFSET"), End: number("LOG-END-OFFSET"), Lag: number("LAG"), Member: strings.TrimPrefix(word("CONSUMER-ID"), "-"),
			})
		}
	}
	slices.SortFunc(lines, func(a, b GroupLine) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return lines
}

// toolNumber reads a number of a tool that prints "-" for none.
func toolNumber(t testing.TB, word string) int64 {
	t.Helper()
	if word == "-" {
		return -1
	}
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		t.Fatalf("the group tool printed %q where a number belongs", word)
	}
	return n
}
