package broker

import (
	"context"

	"culvert/domain"
)

// Describe implements ports.Describer.
func (p *Pair) Describe(_ context.Context, name domain.Topic) (domain.TopicInfo, error) {
	t, err := p.known(name)
	if err != nil {
		return domain.TopicInfo{}, err
	}
	return domain.TopicInfo{
		Topic:        name,
		Capabilities: p.Capabilities(name),
		Epoch:        t.log.epoch,
		Partitions:   []domain.Extent{t.log.extent()},
	}, nil
}

// Capabilities implements ports.Describer. They are the same for every topic. What concerns history and queues is so whatever the backend: the log and the places are the pair's own.
func (p *Pair) Capabilities(domain.Topic) domain.Capabilities {
	cs := domain.Capabilities{domain.History, domain.SeekTime}
	if p.cfg.ReceiptPosition {
		cs = append(cs, domain.ReceiptPosition)
	}
	if p.cfg.ReceiptPosition || p.cfg.KeyOrder {
		cs = append(cs, domain.KeyOrder)
	}
	cs = append(cs, domain.Peek, domain.Reset, domain.ResetTime, domain.Lag)
	if p.cfg.Catalogue {
		cs = append(cs, domain.Catalogue)
	}
	return append(cs, domain.Create)
}

// Topics implements ports.Catalogue. It is Unsupported where Config.Catalogue is not set: the backend may have others.
func (p *Pair) Topics(context.Context) ([]domain.Topic, error) {
	if !p.cfg.Catalogue {
		return nil, domain.Errorf(domain.Unsupported, "this broker cannot list its topics")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed()
	}
	names := make([]domain.Topic, 0, len(p.topics))
	for name, t := range p.topics {
		if t.stands() {
			names = append(names, name)
		}
	}
	return names, nil
}

// Ensure implements ports.Creator: it subscribes to the topic, which makes it.
func (p *Pair) Ensure(ctx context.Context, name domain.Topic) error {
	_, err := p.open(ctx, name)
	return err
}

// known gives the topic where it stands already. Else it is UnknownTopic, or Unavailable where nobody can tell.
func (p *Pair) known(name domain.Topic) (*topic, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.topics[name]
	switch {
	case p.closed:
		return nil, errClosed()
	case ok && t.stands():
		return t, nil
	case p.away != nil:
		return nil, p.away
	}
	return nil, domain.Errorf(domain.UnknownTopic, "there is no topic %q", name)
}
