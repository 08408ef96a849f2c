package amqp

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/rabbitmq/amqp091-go"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fingerprint tells d from what other messages may stand at its place in a stream that was made anew. It is the same at each reading and on each node, and never 0. What the server adds on the way
// does not count.
func fingerprint(d *amqp091.Delivery) uint32 {
	var sum fingerprinter
	sum.add(d.Body)
	sum.addString(d.MessageId)
	sum.add(binary.BigEndian.AppendUint64(nil, uint64(d.Timestamp.Unix())))
	var headers uint32 // of each on its own, added up: a table has no order
	for name, value := range d.Headers {
		if isServers(name) {
			continue
		}
		var header fingerprinter
		header.addString(name)
		header.add(text(value))
		headers += uint32(header)
	}
	sum.add(binary.BigEndian.AppendUint32(nil, headers))
	return max(uint32(sum), 1)
}

// fingerprinter is the checksum of fields, each after its length, so that what belongs to which counts.
type fingerprinter uint32

func (f *fingerprinter) add(field []byte) {
	*f = fingerprinter(crc32.Update(uint32(*f), castagnoli, binary.AppendUvarint(nil, uint64(len(field)))))
	*f = fingerprinter(crc32.Update(uint32(*f), castagnoli, field))
}

func (f *fingerprinter) addString(field string) { f.add([]byte(field)) }
