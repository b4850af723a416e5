package io.livegate.gemini;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GeminiHttpTest {

  @ParameterizedTest
  @CsvSource({
    "localhost, true",
    "LOCALHOST, true",
    "a.internal.test, true",
    "a.b.internal.test, true",
    "internal.test, false",
    "notinternal.test, false",
    "x.other.test, true",
    "other.test, false",
    "generativelanguage.googleapis.com, false"
  })
  void hostsAreExemptByNameOrDomain(String host, boolean exempt) {
    var list = List.of("localhost", ".internal.test", " *.other.test ");

    assertEquals(exempt, GeminiHttp.isExempt(host, list));
  }
}
