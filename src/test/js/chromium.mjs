// Where the Chromium is that came by npm; it is unpacked when it is asked for.
import chromium from '@sparticuz/chromium';

console.log(JSON.stringify({path: await chromium.executablePath()}));
