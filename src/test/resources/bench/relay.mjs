// A relay as one writes it with ws, for comparison: node relay.mjs http://... https://...
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';

for (const upstream of process.argv.slice(2)) {
  const server = createServer();
  new WebSocketServer({ server }).on('connection', (client, request) => {
    const google = new WebSocket(upstream.replace(/^http/, 'ws') + request.url, { perMessageDeflate: false });
    const held = [];
    client.on('message', (data, binary) =>
      google.readyState === WebSocket.OPEN ? google.send(data, { binary }) : held.push([data, binary]));
    google.on('open', () => held.forEach(([data, binary]) => google.send(data, { binary })));
    google.on('message', (data, binary) => client.send(data, { binary }));
    client.on('close', () => google.close());
    google.on('close', () => client.close());
    client.on('error', () => google.terminate());
    google.on('error', () => client.terminate());
  });
  server.listen(0, '127.0.0.1', () =>
    console.log(`${new URL(upstream).protocol} by http://localhost:${server.address().port}`));
}
