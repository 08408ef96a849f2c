package util

import _ "culvert/domain"
