package kafka

import (
	_ "culvert/adapters/broker"
	_ "culvert/domain/inject"
	_ "culvert/ports"
)
