package foreign_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/domain"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

func TestWhatApachesConsoleProducerWrites(t *testing.T) {
	o := meet(t)
	lines := "name:one,other:x,name:two,empty:\tAAPL\tquote\n" + // headers, key, value
		"only:this\tAAPL\t∅\n" + // ∅ stands for a null value
		"only:this\tAAPL\t\n" +
		"only:this\tMSFT\tzebra ✓\n" +
		"only:this\t∅\t{\"json\": [1, 2]}\n" +
		"only:this\tMSFT\tnull\n"
	brokers.ConsoleProducer(t, o.cluster, o.topic, lines, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true", "--reader-property", "null.marker=∅")

	got := o.read(t, 6)
	tombstone, empty, null, quote, object, zebra := got[0], got[1], got[2], got[3], got[5], got[4]
	if !tombstone.Tombstone() || string(tombstone.Key) != "AAPL" {
		t.Errorf("the tombstone is %+v", tombstone)
	}
	if empty.Tombstone() || len(empty.Payload) != 0 || string(empty.Key) != "AAPL" {
		t.Errorf("the message with an empty value is %+v", empty)
	}
	if !(quote.Offset < tombstone.Offset && tombstone.Offset < empty.Offset) || quote.Partition != empty.Partition {
		t.Errorf("the messages of one key are at %v, %v and %v", quote.Position, tombstone.Position, empty.Position)
	}
	want := []domain.Header{{Name: "name", Value: []byte("one")}, {Name: "other", Value: []byte("x")}, {Name: "name", Value: []byte("two")}, {Name: "empty", Value: []byte("")}}
	if fmt.Sprint(quote.Headers) != fmt.Sprint(want) {
		t.Errorf("headers are %v, want %v", quote.Headers, want)
	}
	if string(quote.Payload) != "quote" || time.Since(quote.Time) > time.Minute {
		t.Errorf("the message is %q of %v", quote.Payload, quote.Time)
	}
	if string(zebra.Payload) != "zebra ✓" || string(zebra.Key) != "MSFT" {
		t.Errorf("the message is %q with key %q", zebra.Payload, zebra.Key)
	}
	if string(object.Payload) != `{"json": [1, 2]}` || object.Key != nil {
		t.Errorf("the message is %q with key %q, want no key", object.Payload, object.Key)
	}
	if null.Tombstone() || string(null.Payload) != "null" {
		t.Errorf("the text null is %+v", null)
	}
}

func TestWhatApachesConsoleConsumerReads(t *testing.T) {
	o := meet(t)
	quote := o.publish(t,
		&domain.Message{Key: []byte("AAPL"), Payload: []byte("quote"), Headers: []domain.Header{
			{Name: "name", Value: []byte("one")}, {Name: "other", Value: []byte{0xfe}}, {Name: "name", Value: []byte("two")},
		}},
		&domain.Message{Key: []byte("AAPL")},
		&domain.Message{Key: []byte("AAPL"), Payload: []byte{}},
		&domain.Message{Payload: []byte("without a key")},
		&domain.Message{Key: []byte{0xff, 0x00}, Payload: []byte{0x80, 0x00, 0xff}},
	)[0]
	o.post(t, "posted ✓", "Culvert-Key", "MSFT", "Culvert-Header", "name: three", "Culvert-Header", "name: four")
	o.post(t, "", "Culvert-Key", "GOOG", "Culvert-Tombstone", "1")

	printed := brokers.ConsoleConsumer(t, o.cluster, o.topic, "--from-beginning", "--max-messages", "7",
		"--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.timestamp=true",
		"--formatter-property", "print.partition=true", "--formatter-property", "print.offset=true", "--formatter-property", "null.literal=∅")
	for what, want := range map[string]string{
		"the time, the place, and headers in their order": fmt.Sprintf("CreateTime:%d\tPartition:%d\tOffset:%d\tname:one,other:\xfe,name:two,", quote.Time.UnixMilli(), quote.Partition, quote.Offset),
		"a value":            "\tAAPL\tquote\n",
		"a tombstone":        "\tAAPL\t∅\n",
		"an empty value":     "\tAAPL\t\n",
		"a message, no key":  "\t∅\twithout a key\n",
		"binary":             "\t\xff\x00\t\x80\x00\xff\n",
		"a POST":             "\tMSFT\tposted ✓\n",
		"headers of a POST":  "\tname:three,name:four,",
		"a tombstone, POST":  "\tGOOG\t∅\n",
		"Watermill's header": "_watermill_message_uuid:",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("%s: the console consumer did not print %q but\n%q", what, want, printed)
		}
	}
}

// post injects one message over HTTP. headers are in pairs.
func (o ours) post(t *testing.T, body string, headers ...string) {
	t.Helper()
	ctx, cancel := patience(t)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.bridge.URL+"/v1/topics/"+o.topic+"/messages", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/plain")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	if err := client.Do(request, &place{}); err != nil {
		t.Fatal(err)
	}
}

func TestKeysFallWhereJavaPutsThem(t *testing.T) {
	o := meet(t)
	keys := []string{"AAPL", "GOOG", "münchen", "a", "ab", "abc", "abcd", "a longer key, of more than one block", "0", "-1"}
	var lines strings.Builder
	var batch []*domain.Message
	for _, k := range keys {
		fmt.Fprintf(&lines, "%s\tjava\n", k)
		batch = append(batch, &domain.Message{Key: []byte(k), Payload: []byte("ours")})
	}
	brokers.ConsoleProducer(t, o.cluster, o.topic, lines.String(), "--reader-property", "parse.key=true")
	acks := o.publish(t, batch...)

	java := map[string]int32{}
	for _, m := range o.read(t, 2*len(keys)) {
		if string(m.Payload) == "java" {
			java[string(m.Key)] = m.Partition
		}
	}
	used := map[int32]bool{}
	for i, k := range keys {
		used[java[k]] = true
		if got := acks[i].Partition; got != java[k] {
			t.Errorf("key %q: ours is in partition %d, Java's in %d", k, got, java[k])
		}
	}
	if len(used) < 2 {
		t.Fatal("the keys all fall into one partition: they prove nothing")
	}
}

func TestApachesToolsSeeAQueueAsAConsumerGroup(t *testing.T) {
	o := meet(t)
	brokers.CreateTopic(t, o.cluster, o.topic+".billing.dlq", 1)
	ctx, cancel := patience(t)
	defer cancel()
	member, err := client.OpenSSE(ctx, o.bridge.URL+"/v1/topics/"+o.topic+"/queues/billing/events", "")
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	ready, err := member.Until("ready")
	if err != nil {
		t.Fatal(err)
	}
	var membership struct {
		Assigned int `json:"assigned"`
	}
	if err := json.Unmarshal([]byte(ready.Data), &membership); err != nil || membership.Assigned != partitions {
		t.Errorf("the member is told %s, want %d partitions assigned: %v", ready.Data, partitions, err)
	}
	brokers.ConsoleProducer(t, o.cluster, o.topic, "work\n")
	if work, err := member.Until("message"); err != nil || work.Data != "work" {
		t.Errorf("the member was given %+v: %v", work, err)
	}
	printed := brokers.ConsumerGroupCommand(t, o.cluster, "--describe", "--group", o.topic+".billing")
	if n := strings.Count(printed, o.topic+" "); n != partitions {
		t.Errorf("the group has %d partitions, want %d:\n%s", n, partitions, printed)
	}
}
