package amqp

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// What the server says of a delivery among the headers of the message.
const (
	headerOffset   = "x-stream-offset"
	headerCount    = "x-delivery-count"
	headerAcquired = "x-acquired-count"
)

// isOfDelivery reports whether the header is none of the message but of its delivery.
func isOfDelivery(name string) bool {
	return name == headerOffset || name == headerCount || name == headerAcquired
}

// properties are what a stranger said of a message in AMQP's own fields, by the names that AMQP has for them. We write none but the message id, which is Watermill's UUID.
func properties(d *amqp091.Delivery) map[string]string {
	var found map[string]string
	add := func(name, value string) {
		if value == "" {
			return
		}
		if found == nil {
			found = map[string]string{}
		}
		found[name] = value
	}
	add("content-type", d.ContentType)
	add("content-encoding", d.ContentEncoding)
	add("correlation-id", d.CorrelationId)
	add("reply-to", d.ReplyTo)
	add("type", d.Type)
	add("app-id", d.AppId)
	if id, _ := d.Headers[headerUUID].(string); id != d.MessageId {
		add("message-id", d.MessageId)
	}
	return found
}

// values are what one header of AMQP's is as headers of ours: as many as an array of scalars has elements, else one.
func values(v any) [][]byte {
	array, ok := v.([]any)
	if !ok || len(array) == 0 {
		return [][]byte{text(v)}
	}
	all := make([][]byte, len(array))
	for i, element := range array {
		switch element.(type) {
		case []any, amqp091.Table:
			return [][]byte{text(v)}
		}
		all[i] = text(element)
	}
	return all
}

// text is any value of AMQP's as text: numbers are decimal, times RFC 3339, tables and arrays JSON. Strings and octets are what they are.
func text(v any) []byte {
	switch v := v.(type) {
	case nil:
		return []byte{}
	case string:
		return []byte(v)
	case []byte:
		return v
	case bool:
		return strconv.AppendBool(nil, v)
	case float32:
		return strconv.AppendFloat(nil, float64(v), 'g', -1, 32)
	case float64:
		return strconv.AppendFloat(nil, v, 'g', -1, 64)
	case amqp091.Decimal:
		return []byte(decimal(v))
	case time.Time:
		return []byte(v.UTC().Format(time.RFC3339Nano))
	case amqp091.Table, []any:
		encoded, err := json.Marshal(jsonable(v))
		if err != nil { // jsonable leaves nothing of which JSON could not be made
			return fmt.Append(nil, v)
		}
		return encoded
	default: // whole numbers
		return fmt.Append(nil, v)
	}
}

// decimal is a decimal number, digit by digit.
func decimal(d amqp091.Decimal) string {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.Scale)), nil)
	return new(big.Rat).SetFrac(big.NewInt(int64(d.Value)), scale).FloatString(int(d.Scale))
}

// jsonable is v with what JSON has not as text. Octets are strings, as they are everywhere else here.
func jsonable(v any) any {
	switch v := v.(type) {
	case amqp091.Table:
		object := make(map[string]any, len(v))
		for name, value := range v {
			object[name] = jsonable(value)
		}
		return object
	case []any:
		array := make([]any, len(v))
		for i, value := range v {
			array[i] = jsonable(value)
		}
		return array
	case float32:
		return number(float64(v), v)
	case float64:
		return number(v, v)
	case amqp091.Decimal:
		return json.Number(decimal(v))
	case []byte, time.Time:
		return string(text(v))
	default: // strings, bools, whole numbers, nothing
		return v
	}
}

// number is a number in JSON, unless it is none.
func number(f float64, v any) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return string(text(v))
	}
	return json.Number(text(v))
}
