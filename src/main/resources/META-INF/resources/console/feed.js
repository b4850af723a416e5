// The console's feed: what there is, and then what changes, about once a second.

import {call} from '/pages/api.js';

const SILENCE = 6000;
const LONGEST_PAUSE = 10000;

/**
 * Keeps a connection to the feed. A new connection begins anew, so what was known is dropped.
 *
 * @param told {reset(), changes(changes), state(state, why)}; states are connecting, live, stalled
 *     and closed, which is for good
 */
export function follow(url, told) {
  let pause = 500;
  let watchdog;
  let next;

  function connect() {
    const socket = new WebSocket(url);
    let fresh = true;
    socket.onmessage = ({data}) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => told.state('stalled'), SILENCE);
      if (fresh) {
        fresh = false;
        pause = 500;
        told.reset();
      }
      told.state('live');
      told.changes(JSON.parse(data));
    };
    socket.onclose = ({code, reason}) => {
      clearTimeout(watchdog);
      if (code === 1008) {
        told.state('closed', reason);
        return;
      }
      told.state('connecting');
      if (fresh) mayStill();
      next = setTimeout(connect, pause);
      pause = Math.min(LONGEST_PAUSE, pause * 2);
    };
  }

  /** A refused connection does not say why. */
  async function mayStill() {
    const refusal = await call('GET', '/console/api/policy').catch(refused => refused);
    if (refusal.signedOut || refusal.status === 403) {
      clearTimeout(next);
      told.state('closed', 'sign in again');
    }
  }

  connect();
}
