package domain

// What is in this file says in the same words what more than one broker, or the service before them, refuses of a queue.

// Begun refuses to let a queue begin somewhere.
func Begun(topic Topic, queue Queue) *Error {
	return Errorf(Conflict, "queue %q of topic %q has begun: from counts only where a queue is joined for the first time; leave it out, or reset or delete the queue", queue, topic)
}

// Occupied refuses to move or delete a queue.
func Occupied(topic Topic, queue Queue) *Error {
	return Errorf(Conflict, "queue %q of topic %q has members, here, at another server or in another program: it can be moved or deleted when they have left, and their server some seconds later (queue.linger); one that has died counts until the broker notices", queue, topic)
}

// NoQueue says that a queue is not there.
func NoQueue(topic Topic, queue Queue) *Error {
	return Errorf(UnknownQueue, "topic %q has no queue %q: it begins when it is first joined", topic, queue)
}
