package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"culvert/domain"
)

// market makes the messages. Not for concurrent use.
type market struct {
	random *rand.Rand
	listed []*share
	gone   *share // nil where all are listed
	orders int
}

// share is one symbol. Prices are in cents.
type share struct {
	symbol        string
	begun, before int
	now           int
}

func newMarket(random *rand.Rand) *market {
	m := &market{random: random}
	for _, symbol := range []string{"AAPL", "AMZN", "GOOG", "INTC", "META", "MSFT", "NFLX", "NVDA", "ORCL", "TSLA"} {
		cents := 5_000 + random.IntN(40_000)
		m.listed = append(m.listed, &share{symbol: symbol, begun: cents, before: cents, now: cents})
	}
	return m
}

// open gives every share's first price.
func (m *market) open() (prices []*domain.Message) {
	for _, s := range m.listed {
		prices = append(prices, s.price())
	}
	return prices
}

// move lets one share go up or down by up to one percent, and not far from where it began.
func (m *market) move() *domain.Message {
	s := m.any()
	drift := 0.01 * (1 - float64(s.now)/float64(s.begun))
	s.before = s.now
	s.now += int(math.Round(float64(s.now) * (drift + 0.02*m.random.Float64() - 0.01)))
	return s.price()
}

// leave takes one share off the market.
func (m *market) leave() *domain.Message {
	i := m.random.IntN(len(m.listed))
	m.gone = m.listed[i]
	m.listed = append(m.listed[:i], m.listed[i+1:]...)
	return &domain.Message{Key: []byte(m.gone.symbol), Headers: headers("gone")}
}

// comeBack is the price of the share that left, which there must be.
func (m *market) comeBack() *domain.Message {
	s := m.gone
	m.gone = nil
	m.listed = append(m.listed, s)
	s.before = s.now
	return s.price()
}

func (m *market) any() *share { return m.listed[m.random.IntN(len(m.listed))] }

// unshippable is how many orders there are for one that nobody can ship.
const unshippable = 15

func (m *market) order() *domain.Message {
	m.orders++
	s := m.any()
	o := order{Order: m.orders, Customer: fmt.Sprintf("c-%02d", 1+m.random.IntN(12)), Symbol: s.symbol, Quantity: 1 + m.random.IntN(100), Limit: s.amount(s.now)}
	if m.orders%unshippable == 0 {
		o.Quantity = 0
	}
	return message(o.Customer, o, headers("order"))
}

// order is the payload of an order.
type order struct {
	Order    int     `json:"order"`
	Customer string  `json:"customer"`
	Symbol   string  `json:"symbol"`
	Quantity int     `json:"quantity"`
	Limit    float64 `json:"limit"`
}

func (s *share) price() *domain.Message {
	return message(s.symbol, struct {
		Symbol string  `json:"symbol"`
		Price  float64 `json:"price"`
		Change float64 `json:"change"`
	}{s.symbol, s.amount(s.now), s.amount(s.now - s.before)}, headers("price"))
}

func (*share) amount(cents int) float64 { return float64(cents) / 100 }

func message(key string, payload any, headers []domain.Header) *domain.Message {
	text, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("demo: %v", err)) // structs of texts and finite numbers can always be written
	}
	return &domain.Message{Key: []byte(key), Payload: text, Headers: headers}
}

func headers(kind string) []domain.Header {
	return []domain.Header{{Name: "source", Value: []byte("demo")}, {Name: "kind", Value: []byte(kind)}}
}
