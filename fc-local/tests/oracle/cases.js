// Templates that the vendor's parser and fc-local read alike; where they differ, `here` says what fc-local reads and `why`.
'use strict';

const head = 'edition: 3.0.0\nname: app\naccess: acc\n';
/** A template of one function, whose `props` are written flush left. */
const one = (props, before = '', beside = '') => `${head}${before}resources:
  api:
    component: fc3
${beside}    props:
      runtime: custom.debian12
      code: ./code
${props.replace(/^(?=.)/gm, '      ')}
`;
const v = (values) => `environmentVariables:\n${values.replace(/^(?=.)/gm, '  ')}`;
const cases = [];
const add = (name, text, more = {}) => cases.push({ name, files: { 's.yaml': text, ...(more.files || {}) }, env: more.env || {}, template: more.template || 's.yaml', ...(more.here ? { here: more.here } : {}), ...(more.why ? { why: more.why } : {}), ...(more.refused ? { refused: more.refused } : {}) });

// Inheritance within a template.
const base = 'template:\n  base:\n    timeout: 25\n    memorySize: 1024\n    vpcConfig: auto\n    environmentVariables: {KEEP: "yes", LEVEL: base}\n    customRuntimeConfig: {command: [a, b], port: 9001}\n';
const extend = (what) => `    extend: ${what}\n`;
add('template', one(v('LEVEL: own'), base, extend('{name: base}')));
add('template ignore', one('handler: x', base, extend('{name: base, ignore: [vpcConfig]}')));
add('template ignore nested', one('handler: x', base, extend('{name: base, ignore: [environmentVariables.KEEP, customRuntimeConfig.port]}')));
add('template ignore text', one('handler: x', base, extend('{name: base, ignore: timeout}')));
add('template lists are replaced', one('customRuntimeConfig: {command: [c]}', base, extend('{name: base}')));
add('template unset by null', one('timeout: null\nenvironmentVariables: {KEEP: ~}', base, extend('{name: base}')));
add('template map by scalar', one('customRuntimeConfig: none', base, extend('{name: base}')));
add('template missing', one('handler: x', base, extend('{name: nowhere}')));
add('template as text', one('handler: x', base, extend('base')));
add('template dotted name', one('handler: x', 'template:\n  a: {b: {timeout: 7}}\n', extend('{name: a.b}')));
add('template with references', one('handler: x', 'vars: {t: 11, r: {deep: cn-x}}\ntemplate:\n  base: {timeout: "${vars.t}", region: "${vars.r.deep}", environmentVariables: {E: "${env(\'OUTER\', \'d\')}"}}\n', extend('{name: base}')), { env: { OUTER: 'out' } });
add('template with this', one('handler: x', 'template:\n  base: {description: "${this.name}"}\n', extend('{name: base}')), { here: { description: 'api' }, why: 'a reference that is clear is followed' });
add('template of two resources', `${head}template:\n  base: {timeout: 9, environmentVariables: {A: 1}}\nresources:\n  a: {component: fc3, extend: {name: base}, props: {runtime: custom, handler: a}}\n  b: {component: fc3, extend: {name: base}, props: {runtime: custom, timeout: 10, environmentVariables: {B: 2}}}\n`);

// Inheritance of files.
const file = (text, base, more = {}) => ({ ...more, files: { 'base.yaml': base, ...(more.files || {}) }, text });
const addFile = (name, text, base, more = {}) => add(name, text, file(text, base, more));
addFile('file', 'extend: base.yaml\nresources:\n  api:\n    props:\n      timeout: 60\n      environmentVariables: {B: own}\n', one(`timeout: 3\nregion: cn-a\n${v('A: base\nB: base')}`));
addFile('file with vars', 'extend: ./base.yaml\nvars: {stage: prod}\nresources:\n  api: {props: {handler: h}}\n', one('functionName: f-${vars.stage}\nregion: ${vars.region}', 'vars: {stage: dev, region: cn-b}\n'));
addFile('file with template', `extend: base.yaml\nedition: 3.0.0\nresources:\n  api:\n    extend: {name: base}\n    props: {handler: h}\n`, one('timeout: 1\nregion: cn-c', base));
addFile('file with template below', 'extend: base.yaml\nresources:\n  api: {props: {handler: h, timeout: 2}}\n', one('region: cn-c', base, extend('{name: base}')));
addFile('file adds a resource', 'extend: base.yaml\nresources:\n  other: {component: fc3, props: {runtime: custom, handler: o}}\n', one('handler: h'));
addFile('file in a directory', 'extend: base/base.yaml\nresources:\n  api: {props: {handler: h}}\n', '', { files: { 'base/base.yaml': one(v("T: ${file('./t.txt')}")), 'base/t.txt': 'beside base', 't.txt': 'beside own' } });
addFile('file with lists', 'extend: base.yaml\nresources:\n  api: {props: {customRuntimeConfig: {args: [z]}}}\n', one('customRuntimeConfig: {command: [a], args: [x, y]}'));
addFile('file is not there', 'extend: nowhere.yaml\nedition: 3.0.0\nresources:\n  api: {component: fc3, props: {runtime: custom, handler: h}}\n', '', { refused: 'nowhere.yaml', why: 'what is missing is named' });
addFile('file by this', 'extend: base.yaml\nresources:\n  api: {props: {description: "${this.props.region}"}}\n', one('region: cn-d'), { here: { description: 'cn-d', region: 'cn-d' }, why: 'a reference that is clear is followed' });
addFile('file null', 'extend: base.yaml\nresources:\n  api: {props: {timeout: null, handler: h}}\n', one('timeout: 44'));

// Variables.
add('vars', one('timeout: ${vars.a.b}\nmemorySize: ${vars.m}\ndescription: t-${vars.a.b}-${vars.m}', 'vars: {a: {b: 12}, m: 512}\n'));
add('vars of vars', one('description: ${vars.a}', 'vars: {a: "${vars.b}", b: "${env(\'NOPE\', \'x\')}"}\n'));
add('vars types', one(v('A: ${vars.i}\nB: ${vars.f}\nC: ${vars.t}\nD: ${vars.s}'), 'vars: {i: 7, f: 1.50, t: true, s: "07"}\n'));
add('vars map and list', one('customRuntimeConfig: ${vars.c}\nlayers: ${vars.l}', 'vars: {c: {command: [x, y], port: 8000}, l: [a, b]}\n'));
add('vars list item', one('handler: ${vars.l.1}\ndescription: ${vars.l.length}', 'vars: {l: [a, b]}\n'));
add('vars list in text', one('handler: x-${vars.l}', 'vars: {l: [a, b]}\n'));
add('vars missing', one('timeout: ${vars.no}', 'vars: {a: 1}\n'), { refused: "'${vars.no}' is not found" });
add('vars with spaces', one('description: ${ vars.a }', 'vars: {a: 1}\n'), { here: { description: 1 }, why: 'a reference that is clear is followed' });
add('vars false and zero', one(v('A: ${vars.f}\nB: ${vars.z}\nC: "${vars.e}"'), 'vars: {f: false, z: 0, e: ""}\n'));
add('unclosed', one('description: "a ${vars.x"', 'vars: {x: 1}\n'));
add('dollar alone', one('description: "$HOME $ {x} $$"'));
add('two in one', one('description: ${vars.a}${vars.a}', 'vars: {a: 1}\n'));
add('in list and map', one('customRuntimeConfig:\n  command: [python3, "${vars.f}.py"]\n  healthCheckConfig: {httpGetUrl: "/${vars.f}", periodSeconds: "${vars.p}"}', 'vars: {f: app, p: 5}\n'));
add('keys are not replaced', one(v('"${vars.a}": x'), 'vars: {a: 1}\n'));
add('anchors of vars', one(v('<<: *e\nB: 2'), 'vars: &e {A: 1}\n'));

// The environment.
add('env', one(v("A: ${env('OUTER')}\nB: ${env('NOPE', 'fallback')}\nC: ${env(OUTER)}\nD: ${env('NOPE', 5)}\nE: ${env(\"OUTER\")}")), { env: { OUTER: 'out' } });
add('env empty', one(v("A: ${env('EMPTY', 'd')}\nB: \"${env('NOPE', '')}\"")), { env: { EMPTY: '' } });
add('env not set', one("timeout: ${env('NOPE')}"), { refused: "'NOPE' is not set" });
add('env dot', one('timeout: ${env.OUTER}'), { env: { OUTER: '5' }, refused: "'${env.OUTER}' is not found" });
add('env in text', one("functionName: f-${env('STAGE')}-x"), { env: { STAGE: 'dev' } });
add('env refers on', one(v("A: ${env('OUTER')}"), 'vars: {a: deep}\n'), { env: { OUTER: '${vars.a}' } });
add('env of a name in vars', one("description: ${env(vars.n, 'no')}", 'vars: {n: OUTER}\n'), { env: { OUTER: 'out' } });
add('env or', one("description: ${env('NOPE', '') || 'other'}\nhandler: \"${env('OUTER') == 'out' ? 'yes' : 'no'}\""), { env: { OUTER: 'out' } });
add('env plus', one("description: ${env('OUTER') + '-' + env('NOPE', 'x')}"), { env: { OUTER: 'out' } });
add('dotenv beside', one(v("A: ${env('A')}\nB: ${env('B')}\nC: ${env('C')}\nD: ${env('D')}\nQ: ${env('Q')}")), { files: { '.env': 'A=1\nexport B="two words"\nC=\'x # y\' # z\nD=$A/${NOPE:-dflt}\n# no\nQ="a\\nb"\n' } });
add('dotenv of code', one("region: ${env('R')}\ndescription: ${env('S')}"), { files: { 'code/.env': 'R=code\n', '.env': 'R=beside\nS=beside\n' } });
add('dotenv loses to exported', one("region: ${env('R')}"), { files: { '.env': 'R=file\n' }, env: { R: 'exported' } });
add('dotenv of another resource', `${head}resources:\n  a: {component: fc3, props: {runtime: custom, region: "\${env('R')}"}}\n  b: {component: fc3, props: {runtime: custom, code: ./b}}\n`, { files: { 'b/.env': 'R=of-b\n' } });
add('dotenv windows', one("region: ${env('R')}"), { files: { '.env': 'R=cn-w\r\nS=x\r\n' } });
addFile('dotenv in an extending file', "extend: base.yaml\nresources:\n  api: {props: {region: \"${env('R')}\"}}\n", one('handler: h'), { files: { '.env': 'R=file\n' }, here: { region: 'file', handler: 'h' }, why: 'the file is read before what needs it' });

// This and others.
add('this', one(v('A: ${this.name}\nB: ${this.access}\nC: ${this.component}\nD: ${this.props.region}\nE: ${this.props.customRuntimeConfig.port}\nF: ${this.props.runtime}-x') + '\nregion: cn-e\ncustomRuntimeConfig: {port: 9100}'));
add('this access of the resource', one('description: ${this.access}', '', '    access: own\n'));
add('this through a reference', one('description: ${this.props.region}\nregion: ${vars.r}', 'vars: {r: cn-f}\n'));
add('this missing', one('timeout: ${this.props.no}'), { refused: "'${this.props.no}' is not found" });
const two = (a, b) => `${head}vars: {n: 5}\nresources:\n  a: {component: fc3, props: {runtime: custom, ${a}}}\n  b: {component: fc3, props: {runtime: custom, ${b}}}\n`;
add('resources before', two('functionName: fa, timeout: "${vars.n}"', 'description: "${resources.a.props.functionName}", timeout: "${resources.a.props.timeout}"'));
add('resources after', two('description: "${resources.b.props.functionName}"', 'functionName: fb'));
add('resources by this', two('functionName: fa, description: "${this.name}"', 'description: "${resources.a.props.description}"'));
add('resources output of a function', `${one('handler: "${resources.b.output.functionName}"\ndescription: "${resources.b.output.functionArn}"')}  b: {component: fc3, props: {runtime: custom, functionName: fb}}\n`, { here: { handler: 'fb' }, why: 'what a function of the template is called is known' });
add('resources output', two('functionName: fa', 'description: "x ${resources.a.output.url} ${vars.n}", handler: "${resources.a.info.x}"'));
add('resources missing', two('functionName: fa', 'timeout: "${resources.c.props.x}"'), { refused: "'${resources.c.props.x}' is not found" });
add('resources of a domain', `${head}resources:\n  a: {component: fc3, props: {runtime: custom, functionName: fa}}\n  d: {component: fc3-domain, props: {domainName: auto, routeConfig: {routes: [{path: /*, functionName: "\${resources.a.props.functionName}"}]}}}\n`);
add('self and shared', one(v('A: ${self.AccessKeyID}\nB: x-${shared.y}')));
add('unknown name', one('timeout: ${nothing}'), { refused: "'${nothing}' is not found" });

// Files and functions.
const files = { 't.txt': 'text\nof two\n', 'j.json': '{"k": "v", "n": 5, "o": {"p": [1, 2.5, null, true]}}', 'y.yaml': 'a: 1\nb: [x]\n' };
add('file()', one(v("A: ${file('./t.txt')}\nB: ${file(./t.txt)}\nC: x ${file('t.txt')}")), { files });
add('json(file())', one(v("A: ${json(file('./j.json')).k}\nB: ${json(file('./j.json')).n}\nC: ${json(file('./j.json')).o.p[1]}") + "\ncustomDNS: ${json(file('./j.json'))}"), { files });
add('yaml(file())', one("customDNS: ${yaml(file('y.yaml'))}"), { files });
add('path()', one(v("A: ${path('./t.txt')}\nB: ${path('.')}\nC: ${path('../')}")), { files });
add('path() missing', one("timeout: ${path('./nowhere')}"), { refused: 'does not exist' });
add('file() missing', one("timeout: ${file('./nowhere')}"), { refused: 'cannot read' });
add('json() wrong', one("timeout: ${json('x')}"), { refused: "${json('x')}" });
add('base64() and str()', one(v("A: ${base64('hello')}\nB: ${str('vars.n')}\nC: ${base64(file('t.txt'))}") , 'vars: {n: 5}\n'), { files });
add('init', one("timeout: ${env.init('vars.n')}", 'vars: {n: "25"}\n'));
add('trimmed', one("description: ${file('t.txt').trim()}\nhandler: ${env('OUTER').toUpperCase()}"), { files, env: { OUTER: 'out' } });
add('file refers on', one("description: ${file('r.txt')}", 'vars: {a: b}\n'), { files: { 'r.txt': 'x ${vars.a}' } });
add('config()', one(v("A: ${config('AccountID')}")), { here: { 'environmentVariables.A': '1234567890123456' }, why: 'the account is made up' });
add('secret()', one("timeout: ${secret('x')}"), { refused: "kept by the vendor's tool" });
add('no such function', one("timeout: ${uuid('x')}"), { refused: "no function 'uuid'" });

// Components.
add('component by vars', `${head}vars: {c: fc3}\nresources:\n  api: {component: "\${vars.c}", props: {runtime: custom, handler: h}}\n`);
add('component by env', `${head}resources:\n  api: {component: "\${env('C', 'fc3')}", props: {runtime: custom, handler: h}}\n`);
add('component by path', `${head}resources:\n  api: {component: "\${env('C', path('./x/fc3'))}", props: {runtime: custom, handler: h}}\n`, { files: { 'x/fc3/package.json': '{}' } });
add('component with version', `${head}resources:\n  api: {component: devsapp/fc3@0.0.9, props: {runtime: custom, handler: h}}\n`);
add('edition 1', 'edition: 1.0.0\nservices:\n  api: {component: fc3, props: {handler: h}}\n', { refused: 's2tos3' });
add('services in edition 3', 'edition: 3.0.0\nservices:\n  api: {component: fc3, props: {handler: h}}\n', { refused: 's2tos3' });

// What YAML is.
add('numbers', one(v('A: 0123\nB: 1.10\nC: 1e3\nD: 0x1F\nE: 0o17\nF: 0b11\nG: -0\nH: .5\nI: 1_000\nJ: +7\nK: 6.02e23\nL: 1e-7\nM: .inf\nN: 1.\nO: 1.0\nP: 190:20:30')), { here: { 'environmentVariables.M': 'Infinity' }, why: 'JSON has no infinity' });
add('large numbers', one(v('A: 12345678901234567890\nB: 12345678901234567\nC: 1e21\nD: 123456789012345678901234567890123456789012')), { here: { 'environmentVariables.A': '12345678901234567890' }, why: 'a number is kept as it is written' });
add('booleans and nulls', one(v('A: yes\nB: no\nC: on\nD: true\nE: False\nF: TRUE\nG: null\nH: ~\nI:\nJ: Null\nK: n\nL: "true"\nM: \'null\'')));
add('dates', one(v('A: 2001-12-14\nB: 2001-12-14T21:59:43.10Z\nC: "2001-12-14"')), { here: { 'environmentVariables.A': '2001-12-14', 'environmentVariables.B': '2001-12-14T21:59:43.10Z' }, why: 'a date is kept as it is written, not emptied' });
add('texts', one(v('A: |\n  two\n  lines\nB: >-\n  folded\n  text\nC: "esc\\t\\u00e9"\nD: \'it\'\'s\'\nE: a: b' .replace('E: a: b', 'E: "a: b"') + '\nF: plain # comment\nG: a#b\nH: "\\x41"')));
add('multiline plain', one('description: one\n  two\n\n  three'));
add('anchors and merges', one('<<: [*a, *b]\ntimeout: 4', 'x-a: &a {timeout: 1, handler: a}\nx-b: &b {handler: b, description: b}\n'));
add('merge nested', one('customRuntimeConfig:\n  <<: *c\n  port: 9002', 'x-c: &c {command: [a], port: 9001}\n'));
add('alias', one('customRuntimeConfig: {command: &l [a, b], args: *l}'));
add('quoted merge key', one(v('"<<": x')));
add('flow', `{edition: 3.0.0, resources: {api: {component: fc3, props: {runtime: custom, environmentVariables: {A: [1, two, 3.0]}}}}}`);
add('json is yaml', JSON.stringify({ edition: '3.0.0', resources: { api: { component: 'fc3', props: { runtime: 'custom', timeout: 5 } } } }, null, 2));
add('bom', '\ufeff' + one('handler: h'));
add('crlf', one(v('A: 1\nB: two')).replace(/\n/g, '\r\n'));
add('several documents', one('handler: h') + '---\na: 1\n', { refused: 'second document' });
add('document markers', '---\n' + one('handler: h') + '...\n');
add('duplicate key', one('timeout: 5\nhandler: h\ntimeout: 6'), { refused: "the key 'timeout' is there a second time" });
add('tabs', one('customRuntimeConfig:\n\tport: 9000'), { refused: 'YAML takes spaces only' });
add('unknown tag', one('handler: !Ref x'), { refused: '!Ref' });
add('known tags', one(v('A: !!str 123\nB: !!int "7"\nC: !!float 3\nD: ! 5')));
add('number keys', one(v('1: a\n2.0: b\ntrue: c')));
add('null in a list', one('customRuntimeConfig: {command: [a, null, b]}'));
add('empty values', one('customRuntimeConfig: {}\nlayers: []\ndescription: ""'));
add('actions are not props', one('handler: h', 'actions:\n  pre-deploy: [{run: make, path: ./}]\n', '    actions:\n      pre-deploy: [{run: "make ${this.props.code}"}]\n'));
add('flow of resources', one('handler: h', 'flow: {deploy: [[api]]}\n'));
add('env key', one('handler: h', 'env: env.yaml\n'), { files: { 'env.yaml': 'environments: [{name: test, region: cn-z, overlays: {components: {fc3: {timeout: 77}}}}]\n' } });
add('file names', '', { template: 'other.yml', files: { 'other.yml': one('handler: h') } });
cases[cases.length - 1].files['s.yaml'] = one('handler: wrong');
add('gbk comment', one('handler: h'));
cases[cases.length - 1].binary = { 's.yaml': Buffer.concat([Buffer.from('# '), Buffer.from([0xba, 0xaf, 0xca, 0xfd]), Buffer.from('\n' + one('handler: h'))]).toString('base64') };

module.exports = cases;
