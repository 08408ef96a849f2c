package chaos

import (
	"os"
	"strings"

	"culvert/tests/brokers"
)

// nginxPage has the configuration of nginx that users are told to take.
const nginxPage = "../../docs/operations.md"

// nginxEnv is what that page tells the bridges.
var nginxEnv = []string{"CULVERT_HTTP_PROXIES=127.0.0.1"}

// behindNginx puts an nginx before the two bridges of a trial, configured as the page has it but for addresses. All clients go through it.
func (x *trial) behindNginx() {
	x.Helper()
	page, err := os.ReadFile(nginxPage)
	if err != nil {
		x.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```nginx\n")
	site, _, ends := strings.Cut(rest, "```\n")
	listen := brokers.Loopback(brokers.FreePorts(x.T, 1)[0])
	for from, to := range map[string]string{
		"10.0.0.1:8080": strings.TrimPrefix(x.nodes[0].url, "http://"),
		"10.0.0.2:8080": strings.TrimPrefix(x.nodes[1].url, "http://"),
		"listen 80;":    "listen " + listen + ";",
	} {
		if found = found && strings.Contains(site, from); found {
			site = strings.ReplaceAll(site, from, to)
		}
	}
	if !found || !ends {
		x.Fatalf("%s has no configuration of nginx with the addresses of two bridges and listen 80", nginxPage)
	}
	brokers.StartNginx(x.T, site)
	x.door = func() string { return "http://" + listen }
}
