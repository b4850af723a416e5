package io.livegate.relay;

import io.quarkus.runtime.LaunchMode;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;
import org.jboss.logging.Logger;

/**
 * Lets sessions end in order when the gateway is told to stop by SIGTERM: it takes no more, is not
 * ready, and goes on until the last one is gone or their time is over. Told again, it ends them at
 * once.
 *
 * <p>It takes the signal itself, because all that Quarkus tells an application of a shutdown comes
 * after the connections were closed.
 */
@Readiness
@ApplicationScoped
class Drain implements HealthCheck {

  private static final Logger LOG = Logger.getLogger(Drain.class);
  private static final Duration LOOK = Duration.ofMillis(20);

  /** What a client may take to answer a close, so that it has surely read it. */
  private static final Duration FAREWELL = Duration.ofSeconds(1);

  /** As a shell reports what was ended by SIGTERM. */
  private static final int TERMINATED = 128 + 15;

  private final Sessions sessions;
  private final Duration time;
  private final AtomicBoolean told = new AtomicBoolean();

  Drain(Sessions sessions, RelayConfig config) {
    this.sessions = sessions;
    this.time = config.drainTime();
  }

  /** By reflection, as compilers warn of the JDK's only class for signals. */
  void listen(@Observes StartupEvent event) {
    if (LaunchMode.current() != LaunchMode.NORMAL) {
      return;
    }
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      InvocationHandler terminate =
          (proxy, method, arguments) -> {
            terminate();
            return null;
          };
      signal
          .getMethod("handle", signal, handler)
          .invoke(
              null,
              signal.getConstructor(String.class).newInstance("TERM"),
              Proxy.newProxyInstance(
                  Drain.class.getClassLoader(), new Class<?>[] {handler}, terminate));
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      LOG.warn("SIGTERM will cut sessions off: this JVM lets nobody handle signals", e);
    }
  }

  private void terminate() {
    if (told.getAndSet(true)) {
      sessions.leave();
    } else {
      new Thread(this::stop, "drain").start();
    }
  }

  private void stop() {
    int open = sessions.drain(time);
    if (open > 0) {
      LOG.infof(
          "%d sessions have %d s to end; a second SIGTERM ends them now", open, time.toSeconds());
      await(sessions::isAnyOpen, time);
    }
    await(sessions::isAnyConnected, FAREWELL);
    if (sessions.overruns() > 0) {
      LOG.warnf("%d sessions were ended in the middle of something", sessions.overruns());
    }
    System.exit(TERMINATED);
  }

  private static void await(BooleanSupplier something, Duration longest) {
    long start = System.nanoTime();
    while (something.getAsBoolean() && System.nanoTime() - start < longest.toNanos()) {
      LockSupport.parkNanos(LOOK.toNanos());
    }
  }

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.named("relay").status(!sessions.isDraining()).build();
  }
}
