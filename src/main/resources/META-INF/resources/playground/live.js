// Talking to the Gemini Live API from a browser, without a library: the protocol (Live), the
// microphone and the speaker. It knows nothing of the page; take it and learn from it.
//
//   const speaker = new Speaker();
//   const live = new Live(`${webSocketUrl}?access_token=${token}`, {model}, {
//     ready: async () => { microphone = await Microphone.open(samples => live.hear(samples)); },
//     audio: samples => speaker.play(samples),
//     interrupted: () => speaker.stop(),
//     ended: () => microphone.close(),
//   });
//
// Samples are 16-bit PCM, mono, in the byte order of nearly every machine: little-endian.

const HEARD_RATE = 16000;
const SPOKEN_RATE = 24000;

/** 32 ms: short enough to answer soon, long enough not to send more JSON than sound. */
const CHUNK_SAMPLES = 512;

/** What may wait to be sent, 2 s of sound; beyond, it would only come too late. */
const MOST_WAITING = 96000;

/** One Live session, over one WebSocket. */
export class Live {
  #socket;
  #on;
  #ready = false;

  /**
   * @param url with the token in it
   * @param setup the first message; of a token that is locked, only the model counts
   * @param on what to do, all optional: ready(), heard(text) and spoken(text), pieces of the
   *     transcripts, audio(samples), interrupted(), turnEnded(), used(usageMetadata),
   *     called(functionCalls), leaving(timeLeft), ended(code, reason, wasReady)
   */
  constructor(url, setup, on) {
    this.#on = on;
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => this.#send({setup});
    // JSON comes in binary frames, too.
    this.#socket.onmessage = ({data}) =>
      this.#receive(JSON.parse(typeof data === 'string' ? data : new TextDecoder().decode(data)));
    this.#socket.onclose = ({code, reason}) => {
      const wasReady = this.#ready;
      this.#ready = false;
      this.#tell('ended', code, reason, wasReady);
    };
  }

  /** Sends what the microphone hears. */
  hear(samples) {
    if (this.#ready && this.#socket.bufferedAmount < MOST_WAITING) {
      const audio = {mimeType: `audio/pcm;rate=${HEARD_RATE}`, data: encode(samples)};
      this.#send({realtimeInput: {audio}});
    }
  }

  /** The microphone is off: what was said so far is to be answered. */
  pause() {
    if (this.#ready) this.#send({realtimeInput: {audioStreamEnd: true}});
  }

  /** Says something in writing. */
  say(text) {
    if (this.#ready) this.#send({realtimeInput: {text}});
  }

  /** Answers functions that were called. */
  answer(functionResponses) {
    if (this.#ready) this.#send({toolResponse: {functionResponses}});
  }

  end() {
    this.#socket.close(1000);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #receive({setupComplete, serverContent, toolCall, usageMetadata, goAway}) {
    if (setupComplete) {
      this.#ready = true;
      this.#tell('ready');
    }
    if (serverContent) this.#content(serverContent);
    if (toolCall) this.#tell('called', toolCall.functionCalls ?? []);
    if (usageMetadata) this.#tell('used', usageMetadata);
    if (goAway) this.#tell('leaving', goAway.timeLeft);
  }

  #content({modelTurn, inputTranscription, outputTranscription, interrupted, turnComplete}) {
    if (interrupted) this.#tell('interrupted');
    if (inputTranscription?.text) this.#tell('heard', inputTranscription.text);
    if (outputTranscription?.text) this.#tell('spoken', outputTranscription.text);
    for (const {inlineData, text, thought} of modelTurn?.parts ?? []) {
      if (inlineData?.mimeType.startsWith('audio/pcm')) this.#tell('audio', decode(inlineData.data));
      if (text && !thought) this.#tell('spoken', text);
    }
    if (turnComplete) this.#tell('turnEnded');
  }

  #tell(what, ...how) {
    this.#on[what]?.(...how);
  }
}

function encode(samples) {
  return btoa(String.fromCharCode(...new Uint8Array(samples.buffer)));
}

function decode(base64) {
  return new Int16Array(Uint8Array.from(atob(base64), letter => letter.charCodeAt(0)).buffer);
}

/** The microphone at 16 kHz, in chunks of 32 ms. */
export class Microphone {
  #stream;
  #context;

  /** Asks for the microphone. Fails with a DOMException when there is none or it is not allowed. */
  static async open(heard) {
    // There is no such thing on pages that came by plain HTTP from elsewhere.
    if (!navigator.mediaDevices) throw new DOMException('not by plain HTTP', 'SecurityError');
    const microphone = new Microphone();
    microphone.#stream = await navigator.mediaDevices.getUserMedia({
      audio: {channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true},
    });
    try {
      await microphone.#listen(heard);
    } catch (failure) {
      microphone.close();
      throw failure;
    }
    return microphone;
  }

  async #listen(heard) {
    // At the rate of the device: not every browser resamples a microphone.
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule(new URL('microphone.js', import.meta.url));
    const chunks = new AudioWorkletNode(this.#context, 'chunks', {
      channelCount: 1,
      channelCountMode: 'explicit',
      processorOptions: {rate: HEARD_RATE, samples: CHUNK_SAMPLES},
    });
    chunks.port.onmessage = ({data}) => heard(data);
    // It makes no sound, but only what leads to the destination is run.
    this.#context.createMediaStreamSource(this.#stream).connect(chunks).connect(this.#context.destination);
  }

  close() {
    for (const track of this.#stream.getTracks()) track.stop();
    this.#context?.close();
  }
}

/** Plays 24 kHz without gaps, however its pieces come. */
export class Speaker {
  // At the rate of the pieces, so that they meet to the sample.
  #context = new AudioContext({sampleRate: SPOKEN_RATE});
  #meter = this.#context.createAnalyser();
  #wave = new Float32Array(this.#meter.fftSize);
  #playing = new Set();
  #next = 0;

  /** How long the first piece waits for the second. */
  static LEAD = 0.08;

  constructor() {
    this.#meter.connect(this.#context.destination);
  }

  /** Plays it after what came before. */
  play(samples) {
    const buffer = this.#context.createBuffer(1, samples.length, SPOKEN_RATE);
    buffer.getChannelData(0).set(Float32Array.from(samples, sample => sample / 32768));
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#meter);
    source.onended = () => this.#playing.delete(source);
    this.#playing.add(source);
    if (this.#next < this.#context.currentTime) this.#next = this.#context.currentTime + Speaker.LEAD;
    source.start(this.#next);
    this.#next += buffer.duration;
  }

  /** Falls silent at once, and forgets what was to come. */
  stop() {
    for (const source of this.#playing) source.stop();
    this.#playing.clear();
    this.#next = 0;
  }

  get speaking() {
    return this.#playing.size > 0;
  }

  /** How loud it is at the moment, from 0 to 1. */
  get level() {
    this.#meter.getFloatTimeDomainData(this.#wave);
    return loudness(this.#wave, 1);
  }

  close() {
    this.#context.close();
  }
}

/** How loud samples are, from 0 to 1, as ears have it: by decibels, from -60 dB up. */
export function loudness(samples, full = 32768) {
  let sum = 0;
  for (const sample of samples) sum += (sample / full) ** 2;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-9);
  return Math.max(0, Math.min(1, 1 + decibels / 60));
}
