package edge

import (
	"strconv"

	"culvert/domain"
	"culvert/ports"
)

// AppendOutcome appends the frame that answers a pub, `ack` or `err`, with the id where the client gave one.
func AppendOutcome(dst []byte, o ports.Outcome) []byte {
	if o.Err != nil {
		return AppendErr(dst, o.ID, o.Err)
	}
	dst = append(dst, `{"op":"ack"`...)
	dst = appendID(dst, o.ID)
	if o.Ack.Position != nil || !o.Ack.Time.IsZero() {
		dst = append(dst, ',')
	}
	return AppendAckBody(dst, o.Ack)
}

// AppendAckBody appends what a broker told of a message: partition and offset, and time, where it told them.
func AppendAckBody(dst []byte, a domain.Ack) []byte {
	if a.Position != nil {
		dst = appendPosition(dst, *a.Position)
	}
	if !a.Time.IsZero() {
		if a.Position != nil {
			dst = append(dst, ',')
		}
		dst = appendMember(dst, "time")
		dst = AppendTime(dst, a.Time)
	}
	return append(dst, '}')
}

// AppendErr appends an `err` frame, with the id where there is one.
func AppendErr(dst []byte, id string, err error) []byte {
	e := domain.AsError(err)
	dst = append(dst, `{"op":"err"`...)
	dst = appendID(dst, id)
	dst = append(dst, `,"code":`...)
	dst = AppendString(dst, string(e.Code))
	dst = append(dst, `,"detail":`...)
	dst = AppendString(dst, DetailOf(e))
	dst = append(dst, `,"retryable":`...)
	dst = strconv.AppendBool(dst, e.Code.Retryable())
	return append(dst, '}')
}

// AppendSettlementBody appends the answer to done, nack and touch.
func AppendSettlementBody(dst []byte, s domain.Settlement) []byte {
	dst = append(dst, `"settled":`...)
	dst = strconv.AppendInt(dst, int64(s.Settled), 10)
	dst = append(dst, `,"unknown":[`...)
	for i, receipt := range s.Unknown {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, receipt)
	}
	return append(dst, "]}"...)
}

func appendID(dst []byte, id string) []byte {
	if id == "" {
		return dst
	}
	dst = append(dst, `,"id":`...)
	return AppendString(dst, id)
}

// appendPosition appends partition and offset, both null where the broker does not tell them.
func appendPosition(dst []byte, p domain.Position) []byte {
	dst = appendPartition(dst, p.Partition)
	dst = append(dst, `,"offset":`...)
	if !p.Known() {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, p.Offset, 10)
}

func appendPartition(dst []byte, partition int32) []byte {
	dst = append(dst, `"partition":`...)
	if partition == domain.NoPartition {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, int64(partition), 10)
}
