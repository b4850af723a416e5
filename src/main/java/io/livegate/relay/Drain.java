package io.livegate.relay;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;
import org.jboss.logging.Logger;

/**
 * Lets sessions end in order when the gateway is told to stop: it takes no more, is not ready, and
 * goes on until the last one is gone or their time is over. Told again to stop, it does so at once.
 *
 * <p>Everything else still works meanwhile, since Quarkus stops its parts after it has told of the
 * shutdown.
 */
@Readiness
@ApplicationScoped
class Drain implements HealthCheck {

  private static final Logger LOG = Logger.getLogger(Drain.class);
  private static final Duration LOOK = Duration.ofMillis(50);

  /** What closing the last connections takes. */
  private static final Duration FAREWELL = Duration.ofSeconds(1);

  /** As a shell reports what was ended by SIGTERM. */
  private static final int TERMINATED = 128 + 15;

  private final Sessions sessions;
  private final Duration time;

  Drain(Sessions sessions, RelayConfig config, MeterRegistry metrics) {
    this.sessions = sessions;
    this.time = config.drainTime();
    FunctionCounter.builder("livegate.drain.overruns", sessions, Sessions::overruns)
        .description("Sessions that were ended in the middle of something by a shutdown")
        .register(metrics);
  }

  void stop(@Observes ShutdownEvent event) {
    int open = sessions.drain(time);
    if (open == 0) {
      return;
    }
    LOG.infof(
        "%d sessions have %d s to end; a second SIGTERM ends them now", open, time.toSeconds());
    haltWhenToldAgain();
    long deadline = System.nanoTime() + time.plus(FAREWELL).toNanos();
    while (sessions.isAnyOpen() && System.nanoTime() - deadline < 0) {
      LockSupport.parkNanos(LOOK.toNanos());
    }
    if (sessions.overruns() > 0) {
      LOG.warnf("%d sessions were ended in the middle of something", sessions.overruns());
    }
  }

  /** By reflection, as compilers warn of the JDK's only class for signals. */
  private static void haltWhenToldAgain() {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      InvocationHandler halt =
          (proxy, method, arguments) -> {
            Runtime.getRuntime().halt(TERMINATED);
            return null;
          };
      signal
          .getMethod("handle", signal, handler)
          .invoke(
              null,
              signal.getConstructor(String.class).newInstance("TERM"),
              Proxy.newProxyInstance(Drain.class.getClassLoader(), new Class<?>[] {handler}, halt));
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      LOG.warn("A second SIGTERM will change nothing: this JVM lets nobody handle signals", e);
    }
  }

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.named("relay").status(!sessions.isDraining()).build();
  }
}
