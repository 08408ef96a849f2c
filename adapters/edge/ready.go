package edge

import (
	"strconv"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// AppendReadyBody appends what opens a view; queue is the one that it peeks into, empty where it does not. The cursor is left out where it is empty: SSE has it in the id. heartbeat
// is the silence that the edge keeps at most, 0 where it has none to announce.
func AppendReadyBody(dst []byte, r ports.Ready, queue domain.Queue, cursor string, heartbeat time.Duration) []byte {
	dst = append(dst, `"stream":`...)
	dst = AppendString(dst, r.Stream)
	mode := "view"
	if queue != "" {
		mode = ModePeek
	}
	dst = append(dst, `,"mode":`...)
	dst = AppendString(dst, mode)
	dst = append(dst, `,"topics":[`...)
	for i, topic := range r.Topics {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, string(topic))
	}
	dst = append(dst, ']')
	if queue != "" {
		dst = append(dst, `,"queue":`...)
		dst = AppendString(dst, string(queue))
	}
	if r.Resumed != nil {
		dst = append(dst, `,"resumed":`...)
		dst = strconv.AppendBool(dst, *r.Resumed)
		if !*r.Resumed {
			dst = append(dst, `,"reason":`...)
			dst = AppendString(dst, string(r.Reason))
		}
	}
	dst = append(dst, `,"pending":[`...)
	for i, p := range r.Pending {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"topic":`...)
		dst = AppendString(dst, string(p.Topic))
		dst = append(dst, `,"partition":`...)
		dst = strconv.AppendInt(dst, int64(p.Partition), 10)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	dst = appendHeartbeat(dst, heartbeat)
	return appendCursorEnd(dst, cursor)
}

// AppendJoinedBody appends what opens a membership. ack is auto or manual; heartbeat as for AppendReadyBody.
func AppendJoinedBody(dst []byte, m domain.Membership, ack Ack, heartbeat time.Duration) []byte {
	dst = append(dst, `"stream":`...)
	dst = AppendString(dst, m.Stream)
	dst = append(dst, `,"mode":"join","topics":[`...)
	dst = AppendString(dst, string(m.Topic))
	dst = append(dst, `],"queue":`...)
	dst = AppendString(dst, string(m.Queue))
	dst = append(dst, `,"ack":`...)
	dst = AppendString(dst, string(ack))
	dst = append(dst, `,"order":`...)
	dst = AppendString(dst, string(m.Order))
	dst = append(dst, `,"max_in_flight":`...)
	dst = strconv.AppendInt(dst, int64(m.MaxInFlight), 10)
	dst = append(dst, `,"lease_ms":`...)
	dst = strconv.AppendInt(dst, m.Lease.Milliseconds(), 10)
	dst = append(dst, `,"max_attempts":`...)
	dst = strconv.AppendInt(dst, int64(m.MaxAttempts), 10)
	dst = append(dst, `,"assigned":`...)
	dst = strconv.AppendInt(dst, int64(m.Assigned), 10)
	dst = appendHeartbeat(dst, heartbeat)
	return append(dst, '}')
}

func appendHeartbeat(dst []byte, heartbeat time.Duration) []byte {
	if heartbeat == 0 {
		return dst
	}
	dst = append(dst, `,"heartbeat_ms":`...)
	return strconv.AppendInt(dst, heartbeat.Milliseconds(), 10)
}

// AppendByeBody appends why a stream ends, and how long to wait before coming back where that makes sense. The cursor is left out where
// it is empty.
func AppendByeBody(dst []byte, b *domain.Bye, retry time.Duration, cursor string) []byte {
	dst = append(dst, `"reason":`...)
	dst = AppendString(dst, string(b.Reason))
	dst = append(dst, `,"reconnect":`...)
	dst = strconv.AppendBool(dst, b.Reconnect)
	if b.Reconnect {
		dst = append(dst, `,"retry_ms":`...)
		dst = strconv.AppendInt(dst, retry.Milliseconds(), 10)
	}
	return appendCursorEnd(dst, cursor)
}
