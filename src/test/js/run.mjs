/** Runs one task on the JSON in $INPUT and prints its result, or what it failed with, as JSON. */
export async function run(task) {
  let result;
  try {
    result = await task(JSON.parse(process.env.INPUT));
  } catch (e) {
    result = { error: { name: e.name, status: e.status ?? 0, message: e.message } };
  }
  console.log(JSON.stringify(result));
}
