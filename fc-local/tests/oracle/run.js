// What the vendor's own parser makes of the templates in cases.js: writes cases.json, to which tests/local/oracle.rs holds
// fc-local. By hand, after `npm install @serverless-devs/parse-spec@0.0.29` in some directory:
//     node run.js THAT_DIRECTORY/node_modules
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const modules = path.resolve(process.argv[2] || 'node_modules');

async function one(file) {
  const ParseSpec = require(path.join(modules, '@serverless-devs/parse-spec')).default;
  const logger = new Proxy({}, { get: () => () => undefined });
  try {
    const { steps } = await new ParseSpec(file, { argv: ['deploy'], logger }).start();
    const resources = {};
    for (const { projectName, component, props } of steps) resources[projectName] = { component, props: props ?? null };
    return { resources };
  } catch (error) {
    return { error: String(error.message).split('\n').map((line) => line.trim()).filter(Boolean).pop() };
  }
}

function all() {
  const results = [];
  for (const test of require('./cases.js')) {
    const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'oracle-')));
    const write = (name, content) => {
      fs.mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
      fs.writeFileSync(path.join(directory, name), content);
    };
    for (const [name, content] of Object.entries(test.files)) write(name, content);
    for (const [name, content] of Object.entries(test.binary || {})) write(name, Buffer.from(content, 'base64'));
    fs.mkdirSync(path.join(directory, 'code'), { recursive: true });
    const env = { PATH: process.env.PATH, HOME: directory, NODE_ENV: 'test', ...test.env };
    const out = execFileSync(process.execPath, [__filename, modules, test.template], { cwd: directory, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const text = out.slice(out.lastIndexOf('\u0001') + 1).split(path.dirname(directory) + '/').join('<parent>/');
    results.push({ ...test, oracle: JSON.parse(text.split(`<parent>/${path.basename(directory)}`).join('<directory>')) });
    fs.rmSync(directory, { recursive: true });
  }
  fs.writeFileSync(path.join(__dirname, 'cases.json'), JSON.stringify(results, null, 1) + '\n');
  console.log(`${results.length} templates, ${results.filter((result) => result.oracle.error).length} refused`);
}

if (process.argv[3]) one(process.argv[3]).then((result) => process.stdout.write('\u0001' + JSON.stringify(result)));
else all();
