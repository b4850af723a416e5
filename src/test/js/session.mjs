// An app's part: a whole Live session, and what was heard in each step of it.
import { GoogleGenAI } from '@google/genai';
import { run } from './run.mjs';

await run(async ({ token, baseUrl, apiVersion, model, config, story, largest }) => {
  const client = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl, apiVersion } });
  const received = [];
  let wake = () => {};
  const receive = (message) => {
    received.push(message);
    wake();
  };
  const session = await client.live.connect({
    model,
    config,
    callbacks: {
      onmessage: receive,
      onclose: ({ code, reason }) => receive({ closed: `${code} ${reason}`.trim() }),
    },
  });

  /** What is heard until a message for which that is true, or the end. */
  async function until(enough) {
    const heard = { audioBytes: 0, transcription: '', input: '', interrupted: false, calls: [], tokens: 0 };
    for (;;) {
      while (received.length === 0) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      const message = received.shift();
      const { serverContent, toolCall, usageMetadata, closed } = message;
      for (const { inlineData } of serverContent?.modelTurn?.parts ?? []) {
        heard.audioBytes += Buffer.from(inlineData.data, 'base64').length;
      }
      heard.transcription += serverContent?.outputTranscription?.text ?? '';
      heard.input += serverContent?.inputTranscription?.text ?? '';
      heard.interrupted ||= serverContent?.interrupted ?? false;
      heard.calls.push(...(toolCall?.functionCalls ?? []));
      heard.tokens += usageMetadata?.totalTokenCount ?? 0;
      if (closed) {
        return { ...heard, closed };
      }
      if (enough(message)) {
        return heard;
      }
    }
  }
  const turn = () => until(({ serverContent }) => serverContent?.turnComplete);
  const say = (turns) => session.sendClientContent({ turns, turnComplete: true });

  const steps = {};
  say('Good morning');
  steps.text = await turn();

  for (let chunk = 0; chunk < 10; chunk++) {
    const pcm = Buffer.alloc(3200);
    for (let i = 0; i < 1600; i++) {
      pcm.writeInt16LE(Math.round(8000 * Math.sin(i / 5)), 2 * i);
    }
    session.sendRealtimeInput({ audio: { data: pcm.toString('base64'), mimeType: 'audio/pcm;rate=16000' } });
  }
  session.sendRealtimeInput({ audioStreamEnd: true });
  steps.audio = await turn();

  say(story);
  await until(({ serverContent }) => serverContent?.modelTurn);
  say('Never mind');
  steps.interrupted = await turn();
  steps.afterwards = await turn();

  say('Please call weather {"city":"Bonn"}');
  steps.call = await until(({ toolCall }) => toolCall);
  const { id, name } = steps.call.calls[0];
  session.sendToolResponse({ functionResponses: [{ id, name, response: { sky: 'clear' } }] });
  steps.response = await turn();

  if (largest) {
    say('x'.repeat(largest));
    steps.largest = await turn();
    steps.largest.transcription = steps.largest.transcription.length;
  }
  session.close();
  return steps;
});
