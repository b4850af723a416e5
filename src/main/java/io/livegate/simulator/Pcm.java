package io.livegate.simulator;

import java.util.Arrays;

/** 16-bit little-endian mono PCM: made, measured and resampled. */
final class Pcm {
  static final int OUT_RATE = 24_000;
  static final String OUT_TYPE = "audio/pcm;rate=24000";
  private static final int IN_RATE = 16_000;
  private static final int LOUD = 500;

  private Pcm() {}

  /** A tone that depends on the word alone, and lasts longer for longer words. */
  static byte[] tone(String word) {
    int millis = Math.min(400, Math.max(80, 40 * word.strip().length()));
    int samples = OUT_RATE / 1000 * millis;
    double step = 2 * Math.PI * (220 + Math.floorMod(word.strip().hashCode(), 40) * 11) / OUT_RATE;
    int fade = OUT_RATE / 200;
    byte[] out = new byte[samples * 2];
    for (int i = 0; i < samples; i++) {
      double edge = Math.min(1.0, Math.min(i, samples - i) / (double) fade);
      put(out, i, (int) (8000 * edge * Math.sin(step * i)));
    }
    return out;
  }

  /** Resamples to the output rate, by linear interpolation. */
  static byte[] toOutRate(byte[] pcm, int rate) {
    int samples = pcm.length / 2;
    int count = (int) ((long) samples * OUT_RATE / rate);
    byte[] out = new byte[count * 2];
    for (int i = 0; i < count; i++) {
      double at = (double) i * rate / OUT_RATE;
      int left = Math.min((int) at, samples - 1);
      int right = Math.min(left + 1, samples - 1);
      double share = at - left;
      put(out, i, (int) Math.round(get(pcm, left) * (1 - share) + get(pcm, right) * share));
    }
    return out;
  }

  static int rate(String mimeType) {
    int at = mimeType.indexOf("rate=");
    if (at < 0) {
      return IN_RATE;
    }
    try {
      int rate = Integer.parseInt(mimeType.substring(at + 5).split("[^0-9]", 2)[0]);
      return rate >= 1000 && rate <= 192_000 ? rate : IN_RATE;
    } catch (NumberFormatException e) {
      return IN_RATE;
    }
  }

  private static int get(byte[] pcm, int sample) {
    return (pcm[2 * sample] & 0xff) | (pcm[2 * sample + 1] << 8);
  }

  private static void put(byte[] pcm, int sample, int value) {
    pcm[2 * sample] = (byte) value;
    pcm[2 * sample + 1] = (byte) (value >> 8);
  }

  /**
   * The audio of one turn so far. It only grows, so that a resumption handle can refer to its
   * beginning instead of copying it.
   */
  static final class Heard {
    private byte[] bytes = new byte[0];
    private int length;
    private int rate = IN_RATE;
    private boolean speech;
    private int silence;

    static Heard startingWith(Heard other, int length) {
      Heard heard = new Heard();
      heard.bytes = Arrays.copyOf(other.bytes, length);
      heard.length = length;
      heard.rate = other.rate;
      heard.speech = other.speech;
      return heard;
    }

    /** Adds a piece, and tells whether there was speech in it. */
    boolean add(byte[] piece, int pieceRate) {
      if (length + piece.length > bytes.length) {
        bytes = Arrays.copyOf(bytes, Math.max(length + piece.length, 2 * bytes.length));
      }
      System.arraycopy(piece, 0, bytes, length, piece.length);
      length += piece.length;
      rate = pieceRate;
      boolean loud = loud(piece);
      speech |= loud;
      silence = loud ? 0 : silence + piece.length;
      return loud;
    }

    static boolean loud(byte[] pcm) {
      for (int i = 0; i < pcm.length / 2; i++) {
        if (Math.abs(get(pcm, i)) > LOUD) {
          return true;
        }
      }
      return false;
    }

    int length() {
      return length;
    }

    long millis() {
      return length * 500L / rate;
    }

    /** Whether something was said and then nothing for this long. */
    boolean endedBy(int silenceMillis) {
      return speech && silence * 500L / rate >= silenceMillis;
    }

    byte[] atOutRate() {
      return toOutRate(Arrays.copyOf(bytes, length), rate);
    }
  }
}
