package domain

// Capability is one thing that a topic's broker can do.
type Capability string

// The capabilities of PROTOCOL §1.
const (
	History         Capability = "history"          // read from before the live window
	SeekTime        Capability = "time"             // start at a time
	ReceiptPosition Capability = "receipt-position" // acks tell partition and offset
	KeyOrder        Capability = "key-order"        // messages of one key keep their order
	Peek            Capability = "peek"             // look into a queue without joining
	Reset           Capability = "reset"            // move a queue's place
	ResetTime       Capability = "reset-time"       // move a queue's place to a time
	Lag             Capability = "lag"              // how far a queue is behind
	Catalogue       Capability = "catalogue"        // list topics and queues
	Create          Capability = "create"           // a topic is made when it is first used
)

// Capabilities are what a broker can do, each at most once, in the order of PROTOCOL §1.
type Capabilities []Capability

// Has reports whether c is among them.
func (cs Capabilities) Has(c Capability) bool {
	for _, have := range cs {
		if have == c {
			return true
		}
	}
	return false
}
