package io.livegate.relay;

/** A client's message that may pass, as it was read. */
final class ClientMessage {

  /** What a message is to the conversation. */
  enum Kind {
    /** Audio or video as it happens, and nothing else: worth nothing once it is late. */
    MEDIA,
    /** Something that the model answers. */
    PROMPT,
    /** Something that the model takes note of. */
    CONTENT,
    TOOL_RESPONSE
  }

  private final Kind kind;
  private final boolean text;
  private final byte[] content;

  /**
   * A message.
   *
   * @param text whether it is a text message, rather than a binary one
   * @param content unmasked; empty for media, which is never sent again
   */
  ClientMessage(Kind kind, boolean text, byte[] content) {
    this.kind = kind;
    this.text = text;
    this.content = content;
  }

  Kind kind() {
    return kind;
  }

  boolean isText() {
    return text;
  }

  byte[] content() {
    return content;
  }

  /** The same with another content. */
  ClientMessage with(byte[] changed) {
    return new ClientMessage(kind, text, changed);
  }
}
