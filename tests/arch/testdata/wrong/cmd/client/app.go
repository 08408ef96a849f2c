package client

import _ "culvert/app"
