package io.livegate;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import com.sun.net.httpserver.HttpServer;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** A collector of OpenTelemetry traces (OTLP over HTTP) that the gateway exports to. */
public final class Collector implements QuarkusTestResourceLifecycleManager {

  /**
   * A span as it came.
   *
   * @param kind 1 internal, 2 server, 3 client
   * @param attributes and of each event, in its order, {@code name{attributes}}
   */
  record Span(
      String trace,
      String id,
      String parent,
      String name,
      long kind,
      Map<String, String> attributes,
      List<String> events) {}

  private static final List<byte[]> BODIES = new CopyOnWriteArrayList<>();

  private HttpServer server;

  /** Everything that came, as it came. */
  static String raw() {
    var all = new StringBuilder();
    BODIES.forEach(body -> all.append(new String(body, StandardCharsets.ISO_8859_1)));
    return all.toString();
  }

  static List<Span> spans() {
    var spans = new ArrayList<Span>();
    try {
      for (byte[] body : BODIES) {
        for (var resource : messages(UnknownFieldSet.parseFrom(body), 1)) {
          for (var scope : messages(resource, 2)) {
            for (var span : messages(scope, 2)) {
              spans.add(span(span));
            }
          }
        }
      }
    } catch (InvalidProtocolBufferException e) {
      throw new UncheckedIOException(e);
    }
    return spans;
  }

  /** The only span of a trace that is called so. */
  static Span span(String trace, String name) {
    Await.until(() -> !named(trace, name).isEmpty());
    List<Span> found = named(trace, name);
    if (found.size() != 1) {
      throw new AssertionError("more than one " + name + ": " + found);
    }
    return found.get(0);
  }

  private static List<Span> named(String trace, String name) {
    return spans().stream()
        .filter(span -> span.trace().equals(trace) && span.name().equals(name))
        .toList();
  }

  private static Span span(UnknownFieldSet span) throws InvalidProtocolBufferException {
    var events = new ArrayList<String>();
    for (var event : messages(span, 11)) {
      events.add(text(event, 2) + attributes(event, 3));
    }
    return new Span(
        hex(span, 1),
        hex(span, 2),
        hex(span, 4),
        text(span, 5),
        span.getField(6).getVarintList().get(0),
        attributes(span, 9),
        events);
  }

  private static Map<String, String> attributes(UnknownFieldSet of, int field)
      throws InvalidProtocolBufferException {
    var attributes = new TreeMap<String, String>();
    for (var attribute : messages(of, field)) {
      var value = messages(attribute, 2).get(0);
      attributes.put(text(attribute, 1), value(value));
    }
    return attributes;
  }

  private static String value(UnknownFieldSet value) {
    if (value.hasField(1)) {
      return text(value, 1);
    }
    return value.hasField(2)
        ? String.valueOf(value.getField(2).getVarintList().get(0) == 1)
        : String.valueOf(value.getField(3).getVarintList().get(0));
  }

  private static List<UnknownFieldSet> messages(UnknownFieldSet of, int field)
      throws InvalidProtocolBufferException {
    var messages = new ArrayList<UnknownFieldSet>();
    for (ByteString bytes : of.getField(field).getLengthDelimitedList()) {
      messages.add(UnknownFieldSet.parseFrom(bytes));
    }
    return messages;
  }

  private static String text(UnknownFieldSet of, int field) {
    return of.getField(field).getLengthDelimitedList().get(0).toStringUtf8();
  }

  private static String hex(UnknownFieldSet of, int field) {
    return of.getField(field).getLengthDelimitedList().stream()
        .map(bytes -> HexFormat.of().formatHex(bytes.toByteArray()))
        .findFirst()
        .orElse("");
  }

  @Override
  public Map<String, String> start() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.createContext(
        "/v1/traces",
        exchange -> {
          BODIES.add(exchange.getRequestBody().readAllBytes());
          exchange.getResponseHeaders().set("Content-Type", "application/x-protobuf");
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    server.start();
    return Map.of(
        "quarkus.otel.exporter.otlp.endpoint",
        "http://localhost:" + server.getAddress().getPort(),
        "quarkus.otel.exporter.otlp.protocol",
        "http/protobuf",
        "quarkus.otel.bsp.schedule.delay",
        "50ms");
  }

  @Override
  public void stop() {
    server.stop(0);
    BODIES.clear();
  }
}
