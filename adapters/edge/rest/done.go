package rest

import (
	"net/http"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// maxDone is how long the body of a done may be: some ten thousand receipts.
const maxDone = 1 << 20

// done serves POST /v1/streams/{stream}/done.
func (e *Edge) done(w http.ResponseWriter, r *http.Request) error {
	if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
		return err
	}
	text, err := newBody(r.Context(), w, r, e.cfg.BodyTimeout).whole(r.ContentLength, maxDone, "fixed")
	if err != nil {
		return err
	}
	settle, err := settlementOf(text)
	if err != nil {
		return err
	}
	member, err := e.queues.Settler(r.PathValue("stream"))
	if err != nil {
		return err
	}
	respond(w, edge.AppendSettlementBody([]byte{'{'}, settle(member)))
	return nil
}

// settlementOf reads what a client says of its leases: exactly one of receipts, upto, nack and touch.
func settlementOf(text []byte) (func(ports.Settler) domain.Settlement, error) {
	var o edge.Object
	if err := o.Parse(text); err != nil {
		return nil, err
	}
	if err := o.Only("receipts", "upto", "nack", "delay_ms", "touch"); err != nil {
		return nil, err
	}
	ways := 0
	for _, f := range o.Fields() {
		if string(f.Name) != "delay_ms" {
			ways++
		}
	}
	_, delayed := o.Get("delay_ms")
	_, nacks := o.Get("nack")
	if ways != 1 || delayed && !nacks {
		return nil, domain.Errorf(domain.InvalidRequest, "give exactly one of receipts, upto, nack (with delay_ms, if you like) and touch")
	}
	receipts, upto, err := namedIn(&o)
	if err != nil {
		return nil, err
	}
	delay, err := o.Int("delay_ms", 0, edge.MaxDelay.Milliseconds(), 0)
	if err != nil {
		return nil, err
	}
	_, touches := o.Get("touch")
	return func(s ports.Settler) domain.Settlement {
		switch {
		case nacks:
			return s.Nack(time.Duration(delay)*time.Millisecond, receipts...)
		case touches:
			return s.Touch(receipts...)
		case upto != "":
			return s.DoneUpTo(upto)
		}
		return s.Done(receipts...)
	}, nil
}

// namedIn are the receipts that o names, one by one or as the last of all.
func namedIn(o *edge.Object) (receipts []string, upto string, err error) {
	if v, ok := o.Get("upto"); ok {
		if upto, err = v.String(); err != nil || upto == "" {
			return nil, "", domain.Errorf(domain.InvalidRequest, "upto must be a receipt")
		}
		return nil, upto, nil
	}
	for _, name := range []string{"receipts", "nack", "touch"} {
		if _, ok := o.Get(name); ok {
			receipts, err = o.Texts(name)
		}
	}
	return receipts, "", err
}
