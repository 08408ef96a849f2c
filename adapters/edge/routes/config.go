package routes

// Route is a path and what it stands for. It is an entry of the list routes of the configuration. In Topic, Queue, Key and Headers {name} stands for what the path has in the
// place of {name}.
type Route struct {
	// Path is what clients ask for, as /stock-prices/{key}: {name} stands for one segment that is not empty.
	Path string `mapstructure:"path"`
	// Topic is what it leads to; empty where a parameter names the topic.
	Topic string `mapstructure:"topic"`
	// Queue is what is joined there; empty where the path is for viewing, unless a parameter names a queue.
	Queue string `mapstructure:"queue"`
	// Key is the key of all that is viewed and injected; empty for any.
	Key string `mapstructure:"key"`
	// Headers are what a message must carry to be viewed, each as name:value.
	Headers []string `mapstructure:"headers"`
	// Parameters are the names that clients here have for parameters.
	Parameters []Parameter `mapstructure:"parameters"`
}

// Parameter is a parameter of the query that has another name here.
type Parameter struct {
	// Name is what clients call it.
	Name string `mapstructure:"name"`
	// As is the parameter of PROTOCOL §2 that it is; or topic, or queue, for what the path stands for.
	As string `mapstructure:"as"`
}

// What a parameter can be beside those of PROTOCOL §2.
const (
	asTopic = "topic"
	asQueue = "queue"
)

// renameable are the parameters of all that a path can stand for.
var renameable = []string{
	"ack", "batch", "confirm", "envelope", "event", "from", "header", "key", "lastEventId", "limit", "max_in_flight", "mode", "overflow", "results", "strict", "to",
}
