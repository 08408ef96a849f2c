package subscribe
import ("fmt";"culvert/domain")
func dbgTail(from domain.Start, b *fakeBroker) {
	if v := from.Vector(); v != nil && !b.prints {
		for p := range b.first { if v.Epoch == b.epoch && v.Next(int32(p)) > b.first[p]+int64(len(b.partitions[p])) { panic(fmt.Sprintf("ahead %+v epoch %d", v, b.epoch)) } }
	}
}
