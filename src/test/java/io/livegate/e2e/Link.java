package io.livegate.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/**
 * The network between the gateways and a server on this machine. While it is cut, nothing comes
 * through and nobody is told; connections open, as far as that can be said of one without answers.
 */
final class Link implements AutoCloseable {

  private final int server;
  private final ServerSocket here;
  private final List<Socket> sockets = new ArrayList<>();
  private boolean cut;

  /** Connections up to this one never carry anything again. */
  private int dead;

  private int connections;

  Link(int server) {
    this.server = server;
    try {
      here = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    inBackground(this::accept);
  }

  int port() {
    return here.getLocalPort();
  }

  synchronized void cut() {
    cut = true;
  }

  /** What was sent meanwhile arrives now, as TCP sends again what was not acknowledged. */
  synchronized void mend() {
    cut = false;
    notifyAll();
  }

  /**
   * New connections carry again; those of before stay silent, and open, as if the machine behind
   * them had been replaced.
   */
  synchronized void mendForNewConnections() {
    dead = connections;
    mend();
  }

  private void accept() {
    try {
      while (true) {
        Socket near = here.accept();
        int number = add(near);
        inBackground(() -> carry(near, number));
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private synchronized int add(Socket near) {
    sockets.add(near);
    return ++connections;
  }

  private void carry(Socket near, int number) {
    try {
      if (passes(number)) {
        var far = new Socket(InetAddress.getLoopbackAddress(), server);
        far.setTcpNoDelay(true);
        near.setTcpNoDelay(true);
        synchronized (this) {
          sockets.add(far);
        }
        inBackground(() -> copy(far, near, number));
        copy(near, far, number);
      }
    } catch (IOException unreachable) {
      close(near);
    }
  }

  private void copy(Socket from, Socket to, int number) {
    var buffer = new byte[1 << 16];
    try {
      int size = from.getInputStream().read(buffer);
      while (size >= 0) {
        if (!passes(number)) {
          return;
        }
        to.getOutputStream().write(buffer, 0, size);
        size = from.getInputStream().read(buffer);
      }
    } catch (IOException over) {
      // Closed below.
    }
    close(from);
    close(to);
  }

  /** Waits until something comes through; false if never. */
  private synchronized boolean passes(int number) {
    try {
      while (cut) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return number > dead;
  }

  private static void inBackground(Runnable task) {
    var thread = new Thread(task, "link");
    thread.setDaemon(true);
    thread.start();
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException gone) {
      // That is all that was wanted.
    }
  }

  @Override
  public void close() {
    try {
      here.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    synchronized (this) {
      sockets.forEach(Link::close);
    }
    mend();
  }
}
