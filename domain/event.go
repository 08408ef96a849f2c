package domain

// Event is one thing that a stream tells its client. Which one is seen by what is set: Message, Gap, Assigned, or, where none of
// them is, a mark: nothing but a newer cursor.
type Event struct {
	Topic   Topic
	Message *Message
	Gap     *Gap
	// Assigned, in a queue, is how many partitions this node reads now.
	Assigned *int
	// Cursor is the text of the cursor after this event. Empty where the event goes without one, as every event of a queue does.
	Cursor string
	// Receipt, in a queue, names the lease of Message.
	Receipt string
	// Attempt counts the tries to have Message settled that this node knows of, from 1. 0 outside a queue.
	Attempt int
}
