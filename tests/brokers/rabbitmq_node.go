package brokers

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// rabbitMQNode is a RabbitMQ of one node, with files and ports of its own.
type rabbitMQNode struct {
	dir        string
	addr       string
	management string // host and port of its management plugin
	env        []string
	version    string // known once it has answered
	// epmd is the names' server of Erlang, which the node and rabbitmqctl need. The files go when it ends: it lives as long as the node can be started again.
	epmd    *process
	process *process // nil while it does not run
}

// newRabbitMQNode prepares a node. config are the lines of StartRabbitMQ. What is made here lasts until end, or until this process ends.
func newRabbitMQNode(ctx context.Context, config []string) (*rabbitMQNode, error) {
	if _, err := rabbitMQScript("rabbitmq-server"); err != nil {
		return nil, err
	}
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "culvert-rabbitmq-")
	if err != nil {
		return nil, err
	}
	node := &rabbitMQNode{dir: dir, addr: Loopback(ports[0]), management: Loopback(ports[1])}
	node.env = node.environment(ports[2], ports[3])
	if err := node.configure(ports[1], config); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := node.startEPMD(ctx, ports[3]); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return node, nil
}

// Loopback is the address of a port of this machine, for itself alone.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// environment are the variables by which the node's scripts find what is its own, and nothing of the machine's.
func (n *rabbitMQNode) environment(distPort, epmdPort int) []string {
	return []string{
		"HOME=" + n.dir, // the cookie goes there
		"LC_ALL=C.UTF-8",
		"RABBITMQ_NODENAME=culvert-" + strings.ToLower(rand.Text()[:8]) + "@localhost",
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(n.dir, "db"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(n.dir, "logs"),
		"RABBITMQ_PID_FILE=" + filepath.Join(n.dir, "pid"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(n.dir, "plugins"),
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(n.dir, "env.conf"),
		"RABBITMQ_CONFIG_FILE=" + filepath.Join(n.dir, "rabbitmq.conf"),
		"RABBITMQ_CONFIG_FILES=" + filepath.Join(n.dir, "conf.d"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + filepath.Join(n.dir, "advanced.config"),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", distPort),
		"RABBITMQ_CTL_DIST_PORT_MIN=0", // any: its own range is too small for tests in parallel
		"RABBITMQ_CTL_DIST_PORT_MAX=0",
		fmt.Sprintf("ERL_EPMD_PORT=%d", epmdPort),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		// An epmd that Erlang starts by itself would outlive us.
		"ERL_AFLAGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
		// With this its script becomes the node, so that the node is the process that is killed; without the input that it is meant for.
		"RABBITMQ_ALLOW_INPUT=true",
		"RABBITMQ_SERVER_START_ARGS=-noinput +B i",
	}
}

// configure writes the node's files.
func (n *rabbitMQNode) configure(managementPort int, config []string) error {
	lines := append([]string{
		"listeners.tcp.1 = " + n.addr,
		"management.tcp.ip = 127.0.0.1",
		fmt.Sprintf("management.tcp.port = %d", managementPort),
		"collect_statistics_interval = 500", // the default of five seconds is a long time for a test that waits for numbers
		"disk_free_limit.absolute = 50MB",   // no alarm on a small disk
		"log.console = true",
		"log.console.level = warning",
		"log.file = false",
	}, config...)
	for name, text := range map[string]string{
		"rabbitmq.conf":   strings.Join(lines, "\n") + "\n",
		"plugins":         "[rabbitmq_management].\n",
		"advanced.config": "[].\n",
		"env.conf":        "",
	} {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// startEPMD runs the names' server and returns when it answers.
func (n *rabbitMQNode) startEPMD(ctx context.Context, port int) error {
	dir := filepath.Join(n.dir, "epmd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	p, err := startProcess(dir, n.dir, "epmd", "-port", fmt.Sprint(port), "-address", "127.0.0.1")
	if err != nil {
		return err
	}
	err = p.await(ctx, func() error {
		conn, err := net.DialTimeout("tcp", Loopback(port), time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return fmt.Errorf("Erlang's epmd does not start: %w", err)
	}
	n.epmd = p
	return nil
}

// start runs the node and returns when it answers.
func (n *rabbitMQNode) start(ctx context.Context) error {
	script, err := rabbitMQScript("rabbitmq-server")
	if err != nil {
		return err
	}
	p, err := startProcess(n.dir, "", append(append([]string{"env"}, n.env...), script)...)
	if err != nil {
		return err
	}
	if err := p.await(ctx, n.answers); err != nil {
		return fmt.Errorf("RabbitMQ does not start: %w", err)
	}
	n.process = p
	return nil
}

// answers returns nil once the node can be used over AMQP and through its management plugin.
func (n *rabbitMQNode) answers() error {
	conn, err := amqp.DialConfig(n.server().URL, amqp.Config{Dial: amqp.DefaultDial(2 * time.Second)})
	if err != nil {
		return err
	}
	n.version, _ = conn.Properties["version"].(string)
	if err := conn.Close(); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	res, err := client.Get(n.server().Management + "/api/overview")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("its management plugin says %s", res.Status)
	}
	return nil
}

func (n *rabbitMQNode) server() RabbitMQServer {
	return RabbitMQServer{URL: "amqp://guest:guest@" + n.addr, Management: "http://guest:guest@" + n.management, Version: n.version}
}

// kill ends the node with SIGKILL and returns when it is gone. A node that does not run is left alone.
func (n *rabbitMQNode) kill() {
	if n.process != nil {
		n.process.kill()
		n.process = nil
	}
}

// end ends all that belongs to the node, and removes its files. It is called once.
func (n *rabbitMQNode) end() {
	n.kill()
	n.epmd.kill()
}

// RabbitMQNode is a RabbitMQ that one test has for itself, to kill and start again.
type RabbitMQNode struct {
	t    testing.TB
	node *rabbitMQNode
}

// StartRabbitMQ starts a RabbitMQ of one node for this test alone, and ends it with the test. config are lines that are added to its rabbitmq.conf, where the last line
// for a name wins. Where none can be had it ends the test: see the package comment.
func StartRabbitMQ(t testing.TB, config ...string) *RabbitMQNode {
	t.Helper()
	node, err := newRabbitMQNode(t.Context(), config)
	if err != nil {
		Without(t, "RabbitMQ", err)
	}
	t.Cleanup(func() {
		node.kill()
		keepLog(t, node.dir)
		node.end()
	})
	r := &RabbitMQNode{t: t, node: node}
	r.Start()
	return r
}

// URL is its amqp:// URL. It stays the same over Kill and Start.
func (r *RabbitMQNode) URL() string { return r.node.server().URL }

// Server is the same as what RabbitMQ gives for the shared one.
func (r *RabbitMQNode) Server() RabbitMQServer { return r.node.server() }

// Kill ends the process with SIGKILL and returns when it is gone. What it confirmed of persistent messages stays on its disk. A process that does not run is left alone.
func (r *RabbitMQNode) Kill() {
	r.t.Helper()
	if r.node.process == nil {
		return
	}
	// A node writes down with a delay of seconds what was declared, and that it has streams: one that dies before that does not know its queues any more, or
	// does not find its streams (measured with 3.10.8).
	r.Ctl(r.t, "eval", "ok = mnesia:sync_log(), [dets:sync(Table) || Table <- dets:all()].")
	r.node.kill()
}

// Stop lets the process end in order, its clients being told, and returns when it is gone.
func (r *RabbitMQNode) Stop() {
	r.t.Helper()
	r.Ctl(r.t, "stop")
	Eventually(r.t, startTimeout, "RabbitMQ has stopped", r.node.process.ended)
	r.node.kill()
}

// Start runs the process, again after Kill or Stop, with the same files and ports, and returns when it answers.
func (r *RabbitMQNode) Start() {
	r.t.Helper()
	if err := r.node.start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// Ctl runs rabbitmqctl against the node (delete_queue, close_all_connections, …) and returns what it printed. It takes a second or two.
func (r *RabbitMQNode) Ctl(t testing.TB, args ...string) string {
	t.Helper()
	script, err := rabbitMQScript("rabbitmqctl")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, append([]string{"--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), r.node.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("rabbitmqctl %s: %v\n%s\n%s", strings.Join(args, " "), err, lastLines(out.Bytes(), 20), lastLines(errs.Bytes(), 20))
	}
	return out.String()
}

// RaiseMemoryAlarm lets the node believe that its memory is used up: from now on it reads nothing from connections that publish.
func (r *RabbitMQNode) RaiseMemoryAlarm(t testing.TB) {
	t.Helper()
	r.Ctl(t, "set_vm_memory_high_watermark", "0")
}

// ClearMemoryAlarm ends what RaiseMemoryAlarm began.
func (r *RabbitMQNode) ClearMemoryAlarm(t testing.TB) {
	t.Helper()
	r.Ctl(t, "set_vm_memory_high_watermark", "0.4")
}

// RaiseDiskAlarm lets the node believe that its disk is full: from now on it reads nothing from connections that publish.
func (r *RabbitMQNode) RaiseDiskAlarm(t testing.TB) {
	t.Helper()
	r.Ctl(t, "set_disk_free_limit", "1000000GB")
}

// ClearDiskAlarm ends what RaiseDiskAlarm began.
func (r *RabbitMQNode) ClearDiskAlarm(t testing.TB) {
	t.Helper()
	r.Ctl(t, "set_disk_free_limit", "50MB")
}
