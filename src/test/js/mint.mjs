// The sample for authTokens.create on Google's page about ephemeral tokens. Only two things differ:
// the API key is the user's access token, and the base URL is the gateway's.
import { run } from './run.mjs';

await run(async ({ sdk, accessToken, gateway, config }) => {
  const { GoogleGenAI } = await import(sdk);
  const client = new GoogleGenAI({ apiKey: accessToken, httpOptions: { baseUrl: gateway } });
  const token = await client.authTokens.create({
    config: {
      uses: 1,
      expireTime: new Date(Date.now() + 30 * 60 * 1000).toISOString(),
      newSessionExpireTime: new Date(Date.now() + 60 * 1000).toISOString(),
      ...config,
    },
  });
  return { name: token.name };
});
