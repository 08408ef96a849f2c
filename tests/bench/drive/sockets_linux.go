package drive

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for many sockets at once.
type poller struct {
	fd       int
	events   []unix.EpollEvent
	readable []int
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &poller{fd: fd, events: make([]unix.EpollEvent, 1024)}, nil
}

// add waits for fd, too, which is called number.
func (p *poller) add(fd, number int) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(number)})
}

// wait gives the numbers of sockets that can be read, none after patience, which is rounded up to milliseconds. The slice is the poller's until the next wait.
func (p *poller) wait(patience time.Duration) ([]int, error) {
	n, err := unix.EpollWait(p.fd, p.events, int((patience+time.Millisecond-1)/time.Millisecond))
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p.readable = p.readable[:0]
	for i := range p.events[:n] {
		p.readable = append(p.readable, int(p.events[i].Fd))
	}
	return p.readable, nil
}

func (p *poller) close() { unix.Close(p.fd) }

// perSource is how many connections come from one address, ever: fewer than an address has ports, each of which rests for a minute when its connection is over.
const perSource = 10_000

// opened counts the connections of this process.
var opened atomic.Int64

// connect opens a connection to a host of the loopback. Every so many come from another address of it, so that ports do not get scarce.
func connect(host string) (fd int, err error) {
	to, err := netip.ParseAddrPort(host)
	if err != nil {
		return 0, err
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, err
	}
	// The port is chosen when it is known whereto: it need not be free of all that went elsewhere, and lately.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return 0, err
	}
	address := opened.Add(1)/perSource + 2
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(address >> 8), byte(address)}}); err != nil {
		return 0, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
		return 0, fmt.Errorf("connecting to %s: %w", host, err)
	}
	return fd, unix.SetNonblock(fd, true)
}

// read reads once. Nothing to read is none of its cases.
func read(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// write writes a few bytes to a socket that has room for them.
func write(fd int, p []byte) error {
	n, err := unix.Write(fd, p)
	if err == nil && n < len(p) {
		err = errors.New("the socket is full")
	}
	return err
}

func closeSocket(fd int) { unix.Close(fd) }
