package app

import _ "github.com/spf13/viper"
