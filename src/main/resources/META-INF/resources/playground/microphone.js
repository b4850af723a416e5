// Runs where the browser hears: brings sound down to the wanted rate and cuts it into chunks.

class Chunks extends AudioWorkletProcessor {
  #step;
  #chunk;
  #filled = 0;
  #sum = 0;
  #weight = 0;

  constructor({processorOptions: {rate, samples}}) {
    super();
    // How much of what comes in makes one sample of what goes out.
    this.#step = sampleRate / rate;
    this.#chunk = new Int16Array(samples);
  }

  process([input]) {
    for (const sample of input[0] ?? []) this.#take(sample);
    return true;
  }

  /** A sample that goes out is the mean of what it spans, which also takes off what is too high. */
  #take(sample) {
    let rest = 1;
    while (this.#weight + rest >= this.#step) {
      const part = this.#step - this.#weight;
      this.#put((this.#sum + sample * part) / this.#step);
      rest -= part;
      this.#sum = 0;
      this.#weight = 0;
    }
    this.#sum += sample * rest;
    this.#weight += rest;
  }

  #put(value) {
    this.#chunk[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
    if (this.#filled === this.#chunk.length) {
      this.port.postMessage(this.#chunk.slice());
      this.#filled = 0;
    }
  }
}

registerProcessor('chunks', Chunks);
