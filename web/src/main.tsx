import './boot/base';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';
import { keepIcons } from './boot/icons';
import { fillRegistries } from './boot/registries';

fillRegistries();
keepIcons();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
