// The same hello in Node's http module.
const http = require('node:http');

const hello = (response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': 13 });
  response.end('Hello, World!');
};

const echo = (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length });
    response.end(body);
  });
};

http
  .createServer((request, response) => {
    if (request.url === '/echo') return echo(request, response);
    if (request.url === '/sleep') return setTimeout(hello, 100, response);
    hello(response);
  })
  .listen(process.env.PORT || 9000, '0.0.0.0');
