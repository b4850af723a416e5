package io.livegate.grant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LiveSetupTest {

  private static Map<String, Object> setup(String json) {
    try {
      Map<String, Object> raw =
          new ObjectMapper().readValue(json.replace('\'', '"'), new TypeReference<>() {});
      return SetupSchema.canonical(
          raw,
          (path, what) -> {
            throw new IllegalArgumentException(path + " " + what);
          });
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(json, e);
    }
  }

  private static List<SetupPath> open(String paths) {
    return paths == null
        ? List.of()
        : Arrays.stream(paths.split(" ", -1)).map(SetupPath::of).toList();
  }

  @ParameterizedTest(name = "{0}, open {1}, asked {2} -> {3}")
  @CsvSource(
      delimiter = '|',
      value = {
        // What the rule says      | open            | asked            | outcome
        "{'generationConfig':{'topK':3}} | | {} | {'generationConfig':{'topK':3}}",
        "{'generationConfig':{'topK':3,'topP':1}} | | {'generationConfig':{'topK':3}}"
            + "| {'generationConfig':{'topK':3,'topP':1}}",
        "{} | tools | {'tools':[{'googleSearch':{}}]} | {'tools':[{'googleSearch':{}}]}",
        "{} | generationConfig.temperature | {'generationConfig':{'temperature':1}}"
            + "| {'generationConfig':{'temperature':1}}",
        "{} | generationConfig.temperature | {'generationConfig':{}} | {}",
        "{'generationConfig':{'topK':3}} | generationConfig.temperature"
            + "| {'generationConfig':{'temperature':1}}"
            + "| {'generationConfig':{'topK':3,'temperature':1}}",
        "{'systemInstruction':'Hi'} | | {'systemInstruction':{'role':'user','parts':[{'text':'Hi'}]}}"
            + "| {'systemInstruction':'Hi'}",
        "{'contextWindowCompression':{'triggerTokens':'9'}} |"
            + "| {'contextWindowCompression':{'triggerTokens':9}}"
            + "| {'contextWindowCompression':{'triggerTokens':'9'}}",
        // A default in an open place is replaced as a whole.
        "{'generationConfig':{'speechConfig':{'languageCode':'de-DE'}}} | generationConfig.speechConfig"
            + "| {'generationConfig':{'speechConfig':{'voiceConfig':{}}}}"
            + "| {'generationConfig':{'speechConfig':{'voiceConfig':{}}}}",
        "{'tools':[{'googleSearch':{}}]} | tools | {'tools':[]} | {'tools':[]}",
      })
  void aRequestWithinTheRuleIsLaidOverIt(String rule, String open, String asked, String outcome) {
    var setup = new LiveSetup(setup(rule), open(open));

    var narrowed = setup.narrow(setup(asked));

    assertEquals(List.of(), narrowed.violations());
    assertEquals(setup(outcome), narrowed.setup());
  }

  @ParameterizedTest(name = "{0}, open {1}, asked {2} -> {3} allowed: {4}")
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | | {'tools':[]} | setup.tools | no setup field",
        "{} | tools | {'systemInstruction':'x'} | setup.systemInstruction | of the setup only [setup.tools]",
        "{'systemInstruction':'Hi'} | tools | {'systemInstruction':'x'} | setup.systemInstruction"
            + "| only the rule's own value",
        "{'generationConfig':{'topK':3}} | | {'generationConfig':{'topK':4}}"
            + "| setup.generationConfig.topK | only the rule's own value",
        "{'generationConfig':{'topK':3}} | | {'generationConfig':{'topK':3,'topP':1}}"
            + "| setup.generationConfig.topP | no setup field",
        "{'outputAudioTranscription':{}} | | {'outputAudioTranscription':{'diarization':true}}"
            + "| setup.outputAudioTranscription.diarization | no setup field",
        "{'outputAudioTranscription':{'a':1}} | | {'outputAudioTranscription':{'b':null}}"
            + "| setup.outputAudioTranscription.b | no setup field",
        "{} | | {'outputAudioTranscription':{}} | setup.outputAudioTranscription | no setup field",
        "{'tools':[{'googleSearch':{}}]} | | {'tools':[]} | setup.tools | only the rule's own value",
        "{} | generationConfig.temperature | {'generationConfig':{'topK':1}}"
            + "| setup.generationConfig.topK | of the setup only [setup.generationConfig.temperature]",
      })
  void whatGoesBeyondIsNamedAndLeavesTheRulesValue(
      String rule, String open, String asked, String field, String allowed) {
    var setup = new LiveSetup(setup(rule), open(open));

    var narrowed = setup.narrow(setup(asked));

    assertEquals(1, narrowed.violations().size(), narrowed::toString);
    assertEquals(field, narrowed.violations().get(0).field());
    assertEquals(allowed, narrowed.violations().get(0).allowed());
    assertEquals(setup(rule), narrowed.setup());
  }

  @Test
  void everyViolationIsListed() {
    var setup = new LiveSetup(setup("{'generationConfig':{'topK':3}}"), open("tools"));

    var narrowed =
        setup.narrow(
            setup("{'generationConfig':{'topK':4,'seed':1},'historyConfig':{},'tools':[]}"));

    assertEquals(
        List.of(
            "setup.generationConfig.topK", "setup.generationConfig.seed", "setup.historyConfig"),
        narrowed.violations().stream().map(violation -> violation.field()).toList());
  }
}
