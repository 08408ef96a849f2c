package routing

import (
	"testing"

	"culvert/domain"
	"culvert/ports"
)

func TestHiddenTopicsAreUsedAndMarkedButClosed(t *testing.T) {
	main := &listing{topics: []domain.Topic{"audit.a", "plain", "secret.a"}}
	b, err := New([]Route{{Name: "audit.b", Allow: true}, {Name: "audit.*", Allow: true, Hidden: true}, {Name: "secret.*"}}, map[string]ports.Broker{"main": main}, "main")
	if err != nil {
		t.Fatal(err)
	}
	expectList(t, b, true, ports.TopicEntry{Topic: "audit.a", Broker: "main", Hidden: true}, ports.TopicEntry{Topic: "plain", Broker: "main"})
	if err := useAll(t, b, "audit.a"); err != nil {
		t.Errorf("a hidden topic cannot be used: %v", err)
	}
	for _, open := range []domain.Topic{"audit.b", "plain", "other"} {
		if err := b.Closed(open); err != nil {
			t.Errorf("%s: %v", open, err)
		}
	}
	refused := domain.AsError(useAll(t, b, "secret.a"))
	for _, closed := range []domain.Topic{"audit.a", "secret.a"} {
		err := domain.AsError(b.Closed(closed))
		if want := `topic "` + string(closed) + `" is not open to you`; err.Code != domain.NotAllowed || err.Detail != want {
			t.Errorf("%s: %v", closed, err)
		}
	}
	if said := b.Closed("secret.a").Error(); said != refused.Error() {
		t.Errorf("a topic that is not allowed is refused with %q by Closed and with %q by the rest", said, refused)
	}
}
