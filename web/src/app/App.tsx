import { BrowserRouter } from 'react-router';
import { base } from '../boot/base';
import { Theme } from '../boot/theme';
import { ConfigProvider } from './config';
import { LinkInterceptor } from './LinkInterceptor';
import { Pages } from './Pages';
import { Shell } from './Shell';

export function App() {
  return (
    <Theme>
      <BrowserRouter basename={base.replace(/\/$/, '')}>
        <LinkInterceptor>
          <ConfigProvider>
            <Shell>
              <Pages />
            </Shell>
          </ConfigProvider>
        </LinkInterceptor>
      </BrowserRouter>
    </Theme>
  );
}
