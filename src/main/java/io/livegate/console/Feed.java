package io.livegate.console;

import io.livegate.identity.Subject;
import io.quarkus.websockets.next.OnClose;
import io.quarkus.websockets.next.OnOpen;
import io.quarkus.websockets.next.UserData.TypedKey;
import io.quarkus.websockets.next.WebSocket;
import io.quarkus.websockets.next.WebSocketConnection;
import io.smallrye.common.annotation.NonBlocking;

/**
 * What a console shows, as JSON: {@link Picture.Changes}, the first one from a page that is blank.
 * Nothing is expected of the page.
 */
@WebSocket(path = Feed.PATH, endpointId = Feed.ID)
@NonBlocking
public class Feed {

  static final String PATH = "/console/feed";
  static final String ID = "console";

  /** Whom {@link FeedGuard} let in. */
  static final TypedKey<Subject> SUBJECT = new TypedKey<>("livegate.subject");

  private final Watch watch;

  Feed(Watch watch) {
    this.watch = watch;
  }

  @OnOpen
  void open(WebSocketConnection connection) {
    watch.add(connection, connection.userData().get(SUBJECT));
  }

  @OnClose
  void close(WebSocketConnection connection) {
    watch.remove(connection);
  }
}
