package io.livegate.grant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SetupSchemaTest {

  private final List<String> mistakes = new ArrayList<>();

  private static Map<String, Object> parse(String json) {
    try {
      return new ObjectMapper().readValue(json, new TypeReference<>() {});
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(json, e);
    }
  }

  private Map<String, Object> canonical(String json) {
    return SetupSchema.canonical(parse(json), (path, what) -> mistakes.add(path + " " + what));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'generation_config':{'top_p':0.5}} | {'generationConfig':{'topP':0.5}}",
        "{'generationConfig':{'topK':40.0}} | {'generationConfig':{'topK':40}}",
        "{'generationConfig':{'seed':7.0}} | {'generationConfig':{'seed':7}}",
        "{'contextWindowCompression':{'triggerTokens':25000}}"
            + "| {'contextWindowCompression':{'triggerTokens':'25000'}}",
        "{'contextWindowCompression':{'triggerTokens':'025000'}}"
            + "| {'contextWindowCompression':{'triggerTokens':25000}}",
        "{'systemInstruction':'Hi'} | {'systemInstruction':{'parts':[{'text':'Hi'}]}}",
        "{'system_instruction':{'role':'user','parts':[{'text':'Hi'}]}}"
            + "| {'systemInstruction':'Hi'}",
        "{'inputAudioTranscription':{'x':1.0}} | {'inputAudioTranscription':{'x':1}}",
        "{'tools':[{'google_search':{}}]} | {'tools':[{'googleSearch':{}}]}",
      })
  void setupsThatMeanTheSameAreEqual(String one, String other) {
    var first = canonical(one.replace('\'', '"'));

    var second = canonical(other.replace('\'', '"'));

    assertEquals(List.of(), mistakes);
    assertEquals(first, second);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'generationConfg':{}} | generationConfg is not a field of Google's setup; known here:",
        "{'generationConfig':{'topp':1}} | generationConfig.topp is not a field",
        "{'generationConfig':{'seed':1.5}} | generationConfig.seed must be a whole number",
        "{'generationConfig':{'seed':3000000000}} | generationConfig.seed must be a whole number of",
        "{'generationConfig':{'seed':'1'}} | generationConfig.seed must be a whole number of 32",
        "{'generationConfig':{'temperature':'1'}} | generationConfig.temperature must be a number",
        "{'generationConfig':{'temperature':null}} | generationConfig.temperature is null; leave",
        "{'generationConfig':[]} | generationConfig must be an object",
        "{'generationConfig':{'responseModalities':'AUDIO'}} | responseModalities must be a list",
        "{'generationConfig':{'responseModalities':['AUDIO',7]}} | Modalities[1] must be a string",
        "{'systemInstruction':7} | systemInstruction must be a string, or a Content",
        "{'systemInstruction':{'parts':[]}} | systemInstruction must be a string, or a Content",
        "{'systemInstruction':{'parts':[{}]}} | systemInstruction must be a string, or a Content",
        "{'systemInstruction':{'parts':[{'inlineData':{}}]}} | parts[0].inlineData is not a field",
        "{'contextWindowCompression':{'triggerTokens':'9e3'}} | must be a whole number of 64 bits",
        "{'contextWindowCompression':{'triggerTokens':'9999999999999999999'}} | of 64 bits",
        "{'generationConfig':{'topP':1,'top_p':1}} | generationConfig.top_p is given twice",
        "{'generation__config':{}} | generation__config is not a field",
        "{'inputAudioTranscription':true} | inputAudioTranscription must be an object",
        "{'tools':[{'functionDeclarations':{}}]} | tools[0].functionDeclarations must be a list",
        "{'sessionResumption':{'transparent':true}} | sessionResumption.transparent is not a field",
      })
  void whatIsWrongIsNamedWithWhatWouldBeRight(String json, String expected) {
    canonical(json.replace('\'', '"'));

    assertTrue(mistakes.stream().anyMatch(m -> m.contains(expected)), mistakes::toString);
  }

  @Test
  void allMistakesAreFoundAtOnceAndTheRestIsKept() {
    var setup = canonical("{\"nope\":1,\"generationConfig\":{\"topP\":\"x\",\"topK\":3}}");

    assertEquals(2, mistakes.size(), mistakes::toString);
    assertEquals(Map.of("generationConfig", Map.of("topK", 3L)), setup);
  }

  @Test
  void aFileHasOneSpellingAndIsToldTheRightOne() {
    SetupSchema.canonicalWireNames(
        parse("{\"generation_config\":{}}"), (path, what) -> mistakes.add(path + " " + what));

    assertEquals(
        List.of("generation_config is not a field of Google's setup; write generationConfig"),
        mistakes);
  }

  @Test
  void whatGoogleStillGrowsIsTakenAsItIs() {
    var setup =
        canonical(
            "{\"outputAudioTranscription\":{\"snake_name\":[null,{\"n\":9007199254740993}]}}");

    assertEquals(List.of(), mistakes);
    var inner = (Map<?, ?>) setup.get("outputAudioTranscription");
    var list = (List<?>) inner.get("snake_name");
    assertEquals(Map.of("n", 9007199254740993L), list.get(1));
  }

  @Test
  void hostileNestingIsRefusedBeforeItCanExhaustAStack() {
    canonical("{\"outputAudioTranscription\":" + "{\"a\":".repeat(60) + "1" + "}".repeat(61));

    assertEquals(1, mistakes.size(), mistakes::toString);
    assertTrue(mistakes.get(0).endsWith("is nested more than 40 levels deep"), mistakes::toString);
  }

  @Test
  void aCanonicalSetupCannotBeChanged() {
    var setup = canonical("{\"generationConfig\":{\"topK\":3},\"tools\":[{\"googleSearch\":{}}]}");

    assertThrows(UnsupportedOperationException.class, () -> setup.put("a", 1));
    assertThrows(
        UnsupportedOperationException.class, () -> ((List<?>) setup.get("tools")).remove(0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tools",
        "generationConfig",
        "generationConfig.speechConfig.voiceConfig",
        "generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName",
        "systemInstruction",
        "inputAudioTranscription.languageCodes"
      })
  void aPathOfTheSchemaIsKnown(String path) {
    assertTrue(SetupSchema.knows(SetupPath.of(path)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nope",
        "generation_config",
        "generationConfig.",
        ".generationConfig",
        "generationConfig.temperature.x",
        "tools[0]",
        "tools.functionDeclarations",
        "systemInstruction.parts",
        "systemInstruction.role",
        "inputAudioTranscription.",
        "inputAudioTranscription. x",
      })
  void aPathThatLeadsNowhereIsNot(String path) {
    assertTrue(!SetupSchema.knows(SetupPath.of(path)));
  }
}
