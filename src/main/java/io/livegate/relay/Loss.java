package io.livegate.relay;

import java.util.List;
import java.util.Locale;

/**
 * Which ends of a connection to Google the conversation outlives, by code and reason as they are
 * seen from the service. 1011 stands for faults, quota and credentials alike.
 */
final class Loss {

  private static final List<String> FINAL =
      List.of("quota", "exhausted", "throttled", "used too many times", "billing");

  private Loss() {}

  /**
   * Whether to resume.
   *
   * @param expected whether Google had said that the connection would end
   */
  static boolean isResumable(int code, String reason, boolean expected) {
    String text = reason.toLowerCase(Locale.ROOT);
    return switch (code) {
      case 1001, 1006, 1012, 1013, 1014 -> true;
      case 1000, 1005 -> expected || text.contains("cancelled");
      case 1008 -> text.contains("aborted");
      case 1011 -> FINAL.stream().noneMatch(text::contains);
      default -> false;
    };
  }
}
