// A browser's part: starts a Live session with nothing but an ephemeral token, says something, and
// tells what it heard until the model's turn was complete.
import { GoogleGenAI } from '@google/genai';
import { run } from './run.mjs';

await run(async ({ token, baseUrl, apiVersion, model, config, say }) => {
  const client = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl, apiVersion } });
  const heard = { audioBytes: 0, mimeTypes: [], transcription: '', turnComplete: false };
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });

  const session = await client.live.connect({
    model,
    config,
    callbacks: {
      onmessage({ serverContent }) {
        for (const { inlineData } of serverContent?.modelTurn?.parts ?? []) {
          heard.audioBytes += Buffer.from(inlineData.data, 'base64').length;
          heard.mimeTypes.push(inlineData.mimeType);
        }
        heard.transcription += serverContent?.outputTranscription?.text ?? '';
        if (serverContent?.turnComplete) {
          heard.turnComplete = true;
          finish();
        }
      },
      onclose({ code, reason }) {
        heard.closed = { code, reason };
        finish();
      },
    },
  });
  session.sendClientContent({ turns: say, turnComplete: true });
  await finished;
  session.close();
  heard.mimeTypes = [...new Set(heard.mimeTypes)];
  return heard;
});
