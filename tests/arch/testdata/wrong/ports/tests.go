package ports

import _ "culvert/tests/brokers"
