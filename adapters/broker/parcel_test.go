package broker

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
)

func TestParcelsGiveBackWhatTheyWereGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SliceOfN(rapid.Byte(), 0, 300)
		optional := func(name string) []byte {
			if rapid.Bool().Draw(t, "has "+name) {
				return append([]byte{}, octets.Draw(t, name)...)
			}
			return nil
		}
		messages := make([]*domain.Message, rapid.IntRange(1, 20).Draw(t, "messages"))
		for i := range messages {
			m := &domain.Message{Key: optional("key"), Payload: optional("payload")}
			if rapid.Bool().Draw(t, "has time") {
				m.Time = time.UnixMilli(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "time")).UTC()
			}
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				m.Headers = append(m.Headers, domain.Header{Name: string(octets.Draw(t, "name")), Value: append([]byte{}, octets.Draw(t, "value")...)})
			}
			messages[i] = m
		}
		got, err := unpacked(packed(messages))
		if err != nil || !reflect.DeepEqual(got, messages) {
			t.Fatalf("got %+v, %v, want %+v", got, err, messages)
		}
	})
}

// Nothing breaks the reading of a parcel, and what can be read is a batch that packs like any other.
func FuzzUnpacked(f *testing.F) {
	whole := packed([]*domain.Message{
		{Key: []byte("AAPL"), Payload: []byte("190.1"), Time: time.UnixMilli(1234)},
		{Key: []byte{}, Headers: []domain.Header{{Name: "a", Value: []byte("1")}, {Name: "a"}}},
		{Payload: []byte{}},
	})
	for n := range whole {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}) // as many headers as can be said
	f.Fuzz(func(t *testing.T, p []byte) {
		messages, err := unpacked(p)
		if err != nil {
			if len(messages) > 0 {
				t.Fatal("messages beside an error")
			}
			return
		}
		again, err := unpacked(packed(messages))
		if err != nil || !reflect.DeepEqual(again, messages) {
			t.Fatalf("got %+v, %v, want %+v", again, err, messages)
		}
	})
}
