package io.livegate.relay;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * JSON without the middle of its long strings, which is what media consists of. The outline is
 * valid JSON (RFC 8259) in valid UTF-8 exactly if the whole is, with the same names and literals;
 * reading it costs next to nothing.
 *
 * <p>Left out are only words of eight plain ASCII characters that follow upon others within a
 * string, so that no escape, no character and no string's end is ever torn.
 */
final class Outline {

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  private static final int WORD = Long.BYTES;

  /** What may follow of an escape, which is one character, in a word without a backslash. */
  private static final int REST_OF_ESCAPE = "u0000".length();

  private static final long EACH = 0x0101010101010101L;
  private static final long HIGH = EACH << 7;
  private static final long CONTROLS = 0x20 * EACH;
  private static final long QUOTES = '"' * EACH;
  private static final long BACKSLASHES = '\\' * EACH;

  private Outline() {}

  /**
   * Shortens a text in its place.
   *
   * @param json the text, at the start of an array
   * @param size its length
   * @param kept how many characters of a string are kept at least: more than any name has that
   *     matters, so that no other name can be shortened to it
   * @return the length of the outline, at the start of the array
   */
  static int shorten(byte[] json, int size, int kept) {
    int least = kept + REST_OF_ESCAPE;
    int out = 0;
    int plain = 0;
    boolean within = false;
    boolean escaped = false;
    int at = 0;
    while (at < size) {
      boolean whole = at + WORD <= size;
      if (whole && isPlain((long) LONGS.get(json, at))) {
        if (!within || plain < least) {
          LONGS.set(json, out, (long) LONGS.get(json, at));
          out += WORD;
        }
        plain += WORD;
        escaped = false;
        at += WORD;
        continue;
      }
      plain = 0;
      for (int end = whole ? at + WORD : size; at < end; at++) {
        byte b = json[at];
        json[out++] = b;
        if (escaped) {
          escaped = false;
        } else if (b == '"') {
          within = !within;
        } else {
          escaped = within && b == '\\';
        }
      }
    }
    return out;
  }

  /**
   * Whether eight bytes are printable ASCII but quotes and backslashes. Where none has its highest
   * bit set, a subtraction sets one only where a byte is less than what is taken from it.
   */
  private static boolean isPlain(long word) {
    long special =
        word | (word - CONTROLS) | ((word ^ QUOTES) - EACH) | ((word ^ BACKSLASHES) - EACH);
    return (special & HIGH) == 0;
  }
}
