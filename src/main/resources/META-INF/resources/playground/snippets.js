// Programs that do what the playground does: get a token by an access token, and talk with it.

/**
 * The programs by language.
 *
 * @param base this gateway
 * @param request the body of POST /v1/tokens
 */
export function snippets(base, request) {
  const body = JSON.stringify(request);
  const lines = JSON.stringify(request, null, 2).replaceAll('\n', '\n  ');
  return {
    curl: `# ACCESS_TOKEN: an access token of your OpenID provider, for this gateway.
curl -s -X POST ${base}/v1/tokens \\
  -H "Authorization: Bearer $ACCESS_TOKEN" \\
  -H 'Content-Type: application/json' \\
  -d '${body.replaceAll("'", "'\\''")}'`,

    JavaScript: `// npm install @google/genai
import { GoogleGenAI } from '@google/genai';

const response = await fetch('${base}/v1/tokens', {
  method: 'POST',
  headers: {
    Authorization: \`Bearer \${process.env.ACCESS_TOKEN}\`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify(${lines}),
});
const { token, baseUrl, apiVersion, model } = await response.json();

const ai = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl, apiVersion } });
const session = await ai.live.connect({ model, callbacks: {
  onmessage: ({ serverContent }) => {
    process.stdout.write(serverContent?.outputTranscription?.text ?? '');
    if (serverContent?.turnComplete) session.close();
  } } });
session.sendRealtimeInput({ text: 'Hello, Gemini' });`,

    Python: `# pip install google-genai
import asyncio, json, os, urllib.request
from google import genai

request = urllib.request.Request(
    "${base}/v1/tokens",
    method="POST",
    headers={
        "Authorization": "Bearer " + os.environ["ACCESS_TOKEN"],
        "Content-Type": "application/json",
    },
    data=json.dumps(${body}).encode(),
)
grant = json.load(urllib.request.urlopen(request))

client = genai.Client(
    api_key=grant["token"],
    http_options={"base_url": grant["baseUrl"], "api_version": grant["apiVersion"]},
)

async def main():
    async with client.aio.live.connect(model=grant["model"]) as session:
        await session.send_realtime_input(text="Hello, Gemini")
        async for message in session.receive():
            content = message.server_content
            if content and content.output_transcription:
                print(content.output_transcription.text, end="")

asyncio.run(main())`,

    Java: `// com.google.genai:google-genai, com.fasterxml.jackson.core:jackson-databind
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.genai.Client;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.LiveConnectConfig;
import com.google.genai.types.LiveSendRealtimeInputParameters;
import com.google.genai.types.LiveServerContent;
import com.google.genai.types.Transcription;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

class Talk {
  public static void main(String[] arguments) throws Exception {
    var request = HttpRequest.newBuilder(URI.create("${base}/v1/tokens"))
        .header("Authorization", "Bearer " + System.getenv("ACCESS_TOKEN"))
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString("""
            ${body.replaceAll('\\', '\\\\').replaceAll('"""', '\\"""')}"""))
        .build();
    var grant = new ObjectMapper().readTree(HttpClient.newHttpClient()
        .send(request, HttpResponse.BodyHandlers.ofString()).body());

    var client = Client.builder()
        .apiKey(grant.get("token").asText())
        .httpOptions(HttpOptions.builder()
            .baseUrl(grant.get("baseUrl").asText())
            .apiVersion(grant.get("apiVersion").asText())
            .build())
        .build();
    var session = client.async.live
        .connect(grant.get("model").asText(), LiveConnectConfig.builder().build())
        .get();
    session.receive(message -> message.serverContent()
        .flatMap(LiveServerContent::outputTranscription)
        .flatMap(Transcription::text)
        .ifPresent(System.out::print)).get();
    session.sendRealtimeInput(
        LiveSendRealtimeInputParameters.builder().text("Hello, Gemini").build()).get();
    Thread.sleep(10_000);
    session.close().get();
  }
}`,

    Go: `// The protocol itself: go get github.com/gorilla/websocket
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/gorilla/websocket"
)

func main() {
	body := strings.NewReader(${/`/.test(body) ? JSON.stringify(body) : '`' + body + '`'})
	request, _ := http.NewRequest("POST", "${base}/v1/tokens", body)
	request.Header.Set("Authorization", "Bearer "+os.Getenv("ACCESS_TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	var grant struct{ Token, Model, WebSocketURL string }
	json.NewDecoder(response.Body).Decode(&grant)

	socket, _, err := websocket.DefaultDialer.Dial(
		grant.WebSocketURL+"?access_token="+grant.Token, nil)
	if err != nil {
		log.Fatal(err)
	}
	socket.WriteJSON(map[string]any{"setup": map[string]any{"model": grant.Model}})
	for {
		var message struct {
			SetupComplete *struct{}
			ServerContent struct {
				OutputTranscription struct{ Text string }
				TurnComplete        bool
			}
		}
		if err := socket.ReadJSON(&message); err != nil {
			log.Fatal(err)
		}
		if message.SetupComplete != nil {
			socket.WriteJSON(map[string]any{"realtimeInput": map[string]any{"text": "Hello, Gemini"}})
		}
		fmt.Print(message.ServerContent.OutputTranscription.Text)
		if message.ServerContent.TurnComplete {
			break
		}
	}
	socket.Close()
}`,
  };
}
